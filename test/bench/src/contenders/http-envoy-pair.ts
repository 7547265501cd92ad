import type { Contender } from "../contender.ts";
import { startWithSidecars } from "./direct-layout.ts";

export const httpEnvoyPair: Contender = {
  name: "http-envoy-pair",
  about: "the same through an Envoy on each side, HTTP/2 and mTLS between them",
  tls: "always",
  maxPayloadBytes: 2 ** 20,
  start: async (site, depth) => await startWithSidecars(site, "../peers/http", "http1", depth),
};
