import type { Contender } from "../contender.ts";
import { startWithSidecars } from "./direct-layout.ts";

export const grpcEnvoyPair: Contender = {
  name: "grpc-envoy-pair",
  about: "grpc-js through an Envoy on each side, mTLS between them",
  tls: "always",
  maxPayloadBytes: 2 ** 20,
  start: async (site, depth) => await startWithSidecars(site, "../peers/grpc", "http2", depth),
};
