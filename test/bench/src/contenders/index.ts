// All of them, in the order in which they are measured and printed.
import type { Contender } from "../contender.ts";
import { http } from "./http.ts";
import { mallaRelay } from "./malla-relay.ts";
import { mallaRouted } from "./malla-routed.ts";
import { natsLimit } from "./nats-limit.ts";
import { natsMicro } from "./nats-micro.ts";
import { natsRequest } from "./nats-request.ts";

export const CONTENDERS: readonly Contender[] = [natsLimit, natsRequest, natsMicro, http, mallaRelay, mallaRouted];
