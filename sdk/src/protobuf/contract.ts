// What a loaded contract is to the rest of the SDK: a mesh service name, its methods, and a codec for every message.

/** A message of which nothing is known at compile time. */
// biome-ignore lint/suspicious/noExplicitAny: an untyped contract promises nothing about its fields.
export type AnyMessage = { [field: string]: any };

/** One method as the service interface describes it: messages as `decode` yields them, and whether either side streams. */
export interface MethodShape {
  readonly request: unknown;
  readonly response: unknown;
  readonly requestStream?: true;
  readonly responseStream?: true;
}

/** The service of an untyped contract: any method, any fields. */
export interface AnyService {
  readonly [method: string]: { readonly request: AnyMessage; readonly response: AnyMessage };
}

/** Names of the methods of a service interface. */
export type MethodOf<Service> = Extract<keyof Service, string>;
/** What a handler of this method receives. */
export type RequestOf<Service, Method extends MethodOf<Service>> = Service[Method] extends { readonly request: infer R }
  ? R
  : never;
/** What a caller of this method receives. */
export type ResponseOf<Service, Method extends MethodOf<Service>> = Service[Method] extends {
  readonly response: infer R;
}
  ? R
  : never;

/**
 * Turns one message type into bytes and back. Holds no state of a call and may be shared. Values follow the mapping of
 * `docs/contracts.md`.
 */
export interface MessageCodec<Message = unknown> {
  /** Full name without a leading dot: `shop.ChargeRequest`. */
  readonly typeName: string;
  /** Checks the value and encodes it. Throws a TypeError that names the field by its path. */
  encode(value: unknown): Uint8Array;
  /** Reads hostile bytes: throws `DecodeError` and nothing else. The result shares no memory with the input. */
  decode(bytes: Uint8Array): Message;
  /** Checks the value and writes the protobuf JSON mapping. Throws a TypeError that names the field by its path. */
  toJson(value: unknown): string;
  /** Reads the protobuf JSON mapping, text or UTF-8. Throws `DecodeError` and nothing else; unknown fields are refused. */
  fromJson(json: string | Uint8Array): Message;
}

/** `idempotency_level` of the method's options. */
export type Idempotency = "unknown" | "no-side-effects" | "idempotent";

export interface ContractMethod<Request = unknown, Response = unknown> {
  /** As spelled in the .proto file: `Charge`. */
  readonly name: string;
  /** `shop.Payments/Charge` */
  readonly fullName: string;
  readonly idempotency: Idempotency;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly request: MessageCodec<Request>;
  readonly response: MessageCodec<Response>;
}

declare const service: unique symbol;

/**
 * A protobuf service bound to a service of the mesh. `Service` is the interface of its methods, as `malla generate`
 * writes it: `{ Charge: { request: ChargeRequest; response: ChargeResponse } }`.
 */
export interface Contract<Service = AnyService> {
  /** The service's name on the mesh: a DNS label. */
  readonly name: string;
  /** The protobuf name: `shop.Payments`. */
  readonly fullName: string;
  /** By method name, in the order of the .proto file. */
  readonly methods: ReadonlyMap<string, ContractMethod>;
  /** The codec of any message type the contract knows, by full name, for packing and unpacking `Any`; else undefined. */
  codec(typeName: string): MessageCodec | undefined;
  /** Never there at run time: it carries the type. */
  readonly [service]?: Service;
}
