// The port to the broker and its NATS adapters.
export * from "./broker.ts";
export * from "./key-value.ts";
export { connectNats, type NatsBroker, type NatsBrokerOptions } from "./nats-broker.ts";
export { openKeyValue } from "./nats-key-value.ts";
