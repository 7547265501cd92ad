import type { Contender } from "../contender.ts";
import { startOnPlainBroker } from "./plain-broker.ts";

export const moleculer: Contender = {
  name: "moleculer",
  about: "Moleculer over NATS, its defaults, text in JSON",
  tls: "broker",
  maxPayloadBytes: 1_000_000,
  start: async (site, depth) => {
    await site.machine.peers();
    return await startOnPlainBroker(site, "../peers/moleculer", depth);
  },
};
