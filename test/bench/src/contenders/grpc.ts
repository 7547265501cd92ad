import type { Contender } from "../contender.ts";
import { startDirect } from "./direct-layout.ts";

export const grpc: Contender = {
  name: "grpc",
  about: "grpc-js, bytes without a codec, no mesh",
  tls: "never",
  maxPayloadBytes: 2 ** 20,
  start: async (site, depth) => await startDirect(site, "../peers/grpc", depth),
};
