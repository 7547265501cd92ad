import type { Contender } from "../contender.ts";
import { startDirect } from "./direct-layout.ts";

export const http: Contender = {
  name: "http",
  about: "HTTP/1.1 with kept connections, node:http and undici, no mesh",
  tls: "never",
  maxPayloadBytes: 2 ** 20,
  start: async (site, depth) => await startDirect(site, "../peers/http", depth),
};
