// Every public name of the package.
export {
  DEFAULT_APPLICATIONS,
  isApplicationAccount,
  kindOfAccount,
  MAX_CONNECTIONS,
  MESH_ACCOUNTS,
  MESH_MAX_CONNECTIONS,
  STORE_LIMITS,
  type StoreLimits,
  SYSTEM_ACCOUNT,
} from "./accounts.ts";
export { type BootstrapOptions, bootstrapStreams, type StreamDefinition, streamDefinitions } from "./bootstrap.ts";
export { withLock } from "./cache-lock.ts";
export {
  type CredentialRequest,
  CredentialRequestError,
  credentialsFile,
  credentialsFolder,
  issueCredentials,
  writeCredentials,
} from "./credentials.ts";
export {
  type FindOptions,
  type FoundServer,
  findNatsServer,
  type ServerSource,
  serverCacheFolder,
} from "./find-nats-server.ts";
export {
  type AccountKind,
  fillTemplate,
  findGrant,
  GRANTS,
  type Grant,
  grantsOf,
  type Holder,
  isGranted,
} from "./grants.ts";
export { type TrustChain, trustChain } from "./jwts.ts";
export {
  type AccountKeys,
  accountKeys,
  type EnsureKeysOptions,
  ensureKeys,
  type Keys,
  keysFolder,
  type NKey,
  type RoleKey,
  retireRoleKey,
  roleKey,
  rotateRoleKey,
} from "./keys.ts";
export { isAtFloor, PINNED_VERSION, readVersion, VERSION_FLOORS } from "./nats-server-version.ts";
export { policyPublicKey, policySigningKey } from "./policy-key.ts";
export {
  parseRouterSigner,
  type RouterCredentials,
  type RouterSigner,
  readRouterSigner,
  routerSigner,
  routerSignerFile,
  serialiseRouterSigner,
  signRouterUser,
  writeRouterSigner,
} from "./router-signer.ts";
export {
  ACCOUNTS_CONF,
  type ClientTls,
  type ClusterOptions,
  DEFAULT_NATS_PORT,
  DEFAULT_SERVER_NAME,
  type FromEnvironment,
  type GatewayOptions,
  type GatewayRemote,
  type LeafListener,
  type LeafRemote,
  SERVER_CONF,
  SERVER_SETTINGS_FOLDER,
  type ServerConfigOptions,
  type ServerFilesOptions,
  type ServerOptions,
  serverConfigFiles,
  serverFolder,
  type TlsFiles,
  writeServerConfig,
} from "./server-config/index.ts";
export { type RunningServer, type ServerExit, type StartOptions, startNatsServer } from "./start-nats-server.ts";
export { covers, overlaps } from "./subject-cover.ts";
export { type VerifiedCredentials, verifyCredentials } from "./verify-credentials.ts";
