import type { Contender } from "../contender.ts";
import { startOnPlainBroker } from "./plain-broker.ts";

export const natsLimit: Contender = {
  name: "nats-limit",
  about: "NATS, one wildcard inbox by hand: the limit of the client",
  tls: "broker",
  maxPayloadBytes: 1_000_000,
  start: async (site, depth) => await startOnPlainBroker(site, "transports/nats-limit", depth),
};
