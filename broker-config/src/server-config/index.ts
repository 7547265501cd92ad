// Configurations of nats-servers.
export type {
  ClientTls,
  ClusterOptions,
  FromEnvironment,
  GatewayOptions,
  GatewayRemote,
  LeafListener,
  LeafRemote,
  ServerOptions,
  TlsFiles,
} from "./options.ts";
export { DEFAULT_NATS_PORT, DEFAULT_SERVER_NAME } from "./server-conf.ts";
export {
  ACCOUNTS_CONF,
  SERVER_CONF,
  SERVER_SETTINGS_FOLDER,
  type ServerFilesOptions,
  serverConfigFiles,
} from "./server-config-files.ts";
export { type ServerConfigOptions, serverFolder, writeServerConfig } from "./write-server-config.ts";
