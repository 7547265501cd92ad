// The public names of the SDK; nothing else is for users.

export type { CallOptions } from "./client/call-options.ts";
export type { ContractClient } from "./client/contract-client.ts";
export { connect, type MeshOptions } from "./connect.ts";
export { type ConnectOptions, DEFAULT_MAX_IN_FLIGHT } from "./connect-config.ts";
export type { Priority } from "./contract/header-names.ts";
export { MeshError, type Origin } from "./contract/mesh-error.ts";
export type { MeshReason, Reason } from "./contract/reasons.ts";
export type { Status } from "./contract/status.ts";
export type { Mesh } from "./mesh.ts";
export { type Contract, loadContract } from "./protobuf/index.ts";
export type { CallContext, EndUser } from "./server/call-context.ts";
export type { ContractHandlers, Handler, Handlers } from "./server/endpoint.ts";
export type { Logger, Telemetry } from "./telemetry/port.ts";
