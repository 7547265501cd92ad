// All of them, in the order in which they are measured and printed.
import type { Contender } from "../contender.ts";
import { grpc } from "./grpc.ts";
import { grpcEnvoyPair } from "./grpc-envoy-pair.ts";
import { http } from "./http.ts";
import { httpEnvoyPair } from "./http-envoy-pair.ts";
import { mallaDirect } from "./malla-direct.ts";
import { mallaRelay } from "./malla-relay.ts";
import { mallaRouted } from "./malla-routed.ts";
import { moleculer } from "./moleculer.ts";
import { natsLimit } from "./nats-limit.ts";
import { natsMicro } from "./nats-micro.ts";
import { natsRequest } from "./nats-request.ts";
import { nestjs } from "./nestjs.ts";

export const CONTENDERS: readonly Contender[] = [
  natsLimit,
  natsRequest,
  natsMicro,
  moleculer,
  nestjs,
  http,
  httpEnvoyPair,
  grpc,
  grpcEnvoyPair,
  mallaRelay,
  mallaRouted,
  mallaDirect,
];
