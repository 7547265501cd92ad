// The port to the broker and its NATS adapters.
export * from "./broker.ts";
export { connectNats, type NatsBrokerOptions } from "./connect-nats.ts";
export type { CredentialsEvent } from "./credentials-renewal.ts";
export * from "./key-value.ts";
export type { NatsBroker } from "./nats-broker.ts";
export { openKeyValue } from "./nats-key-value.ts";
export { type TlsFiles, tlsFilesFrom } from "./tls-files.ts";
