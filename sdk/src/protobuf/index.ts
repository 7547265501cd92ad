// Contracts: protobuf services as the mesh calls them.
export type {
  AnyMessage,
  AnyService,
  Contract,
  ContractMethod,
  Idempotency,
  MessageCodec,
  MethodOf,
  MethodShape,
  RequestOf,
  ResponseOf,
} from "./contract.ts";
export { ContractError } from "./contract-error.ts";
export { DecodeError } from "./decode-error.ts";
export { contractFromDescriptor, type Descriptor } from "./descriptor.ts";
export { type GenerateOptions, generate } from "./generate/generate.ts";
export type { Init } from "./init.ts";
export { type LoadOptions, loadContract } from "./load-contract.ts";
export {
  type Any,
  type Duration,
  durationFromMs,
  durationToMs,
  type Empty,
  type FieldMask,
  type JsonObject,
  type JsonValue,
  type Timestamp,
  timestampFromDate,
  timestampToDate,
} from "./well-known.ts";
