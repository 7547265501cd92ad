import type { Contender } from "../contender.ts";
import { startOnPlainBroker } from "./plain-broker.ts";

export const natsRequest: Contender = {
  name: "nats-request",
  about: "NATS, request() of the client without its traces",
  tls: "broker",
  maxPayloadBytes: 1_000_000,
  start: async (site, depth) => await startOnPlainBroker(site, "transports/nats-request", depth),
};
