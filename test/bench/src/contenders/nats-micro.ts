import type { Contender } from "../contender.ts";
import { startOnPlainBroker } from "./plain-broker.ts";

export const natsMicro: Contender = {
  name: "nats-micro",
  about: "NATS micro service, called by request()",
  tls: "broker",
  maxPayloadBytes: 1_000_000,
  start: async (site, depth) => await startOnPlainBroker(site, "transports/nats-micro", depth),
};
