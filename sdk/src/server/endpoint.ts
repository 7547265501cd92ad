// A method as the instance runs it: how its payload is read, who handles it, how the result is written.
import { Buffer } from "node:buffer";
import { decodePayload, encodePayload, isJson, type Payload } from "../call/payload.ts";
import { CONTENT_TYPE_JSON, CONTENT_TYPE_PROTOBUF, isMethodName, MeshError } from "../contract/index.ts";
import type { Contract, ContractMethod, MethodOf, RequestOf, ResponseOf } from "../protobuf/contract.ts";
import { DecodeError } from "../protobuf/decode-error.ts";
import type { CallContext } from "./call-context.ts";

/** What an application gives: value in, value out, or a throw. */
// biome-ignore lint/suspicious/noExplicitAny: without a contract the application alone knows what its payloads are
export type Handler<Request = any, Response = unknown> = (
  request: Request,
  context: CallContext,
) => Response | Promise<Response>;
export type Handlers = Readonly<Record<string, Handler>>;
export type ContractHandlers<Service> = {
  readonly [Method in MethodOf<Service>]: Handler<
    RequestOf<Service, Method>,
    ResponseInit<ResponseOf<Service, Method>>
  >;
};
/** What a handler returns: fields may be left out where the contract has defaults. */
export type ResponseInit<Message> = Message | Partial<Message>;

export interface Endpoint {
  readonly name: string;
  readonly idempotent: boolean;
  readonly handler: Handler;
  readonly decode: (bytes: Uint8Array, contentType: string | undefined) => unknown;
  readonly encode: (value: unknown, requestContentType: string | undefined) => Payload;
}

/** Endpoints of plain handlers: JSON, or bytes. Throws for a name that can be no method. */
export function jsonEndpoints(handlers: Handlers): Endpoint[] {
  return Object.entries(handlers).map(([name, handler]) => {
    checkEndpoint(name, handler);
    return { name, idempotent: false, handler, decode: decodePayload, encode: encodePayload };
  });
}

/** Endpoints of a contract: every method must have its handler, and no other may be there. */
export function contractEndpoints<Service>(
  contract: Contract<Service>,
  handlers: ContractHandlers<Service>,
): Endpoint[] {
  const given = handlers as Handlers;
  const unknown = Object.keys(given).filter((name) => !contract.methods.has(name));
  if (unknown.length > 0)
    throw new TypeError(
      `${contract.fullName} has no method ${unknown.join(", ")}; it has ${[...contract.methods.keys()].join(", ")}`,
    );
  return [...contract.methods.values()].map((method) => {
    const handler = given[method.name];
    if (handler === undefined)
      throw new TypeError(`${contract.fullName}: there is no handler for method ${method.name}`);
    checkEndpoint(method.name, handler);
    return contractEndpoint(method, handler);
  });
}

const OPEN_BRACE = 0x7b;

/**
 * What a payload without a Content-Type is, by its first byte: an opening brace begins a JSON object and, as the start of
 * a group, no message of proto3. So `nats req` needs no header for a method with a contract.
 */
export function impliedContentType(payload: Uint8Array): string | undefined {
  return payload[0] === OPEN_BRACE ? CONTENT_TYPE_JSON : undefined;
}

function contractEndpoint(method: ContractMethod, handler: Handler): Endpoint {
  return {
    name: method.name,
    idempotent: method.idempotency !== "unknown",
    handler,
    decode: (bytes, contentType) => decodeRequest(method, bytes, contentType),
    encode: (value, contentType) =>
      contentType !== undefined && isJson(contentType)
        ? { bytes: Buffer.from(method.response.toJson(value), "utf8"), contentType }
        : { bytes: method.response.encode(value), contentType: CONTENT_TYPE_PROTOBUF },
  };
}

function decodeRequest(method: ContractMethod, bytes: Uint8Array, contentType: string | undefined): unknown {
  try {
    const type = contentType ?? impliedContentType(bytes);
    return type !== undefined && isJson(type) ? method.request.fromJson(bytes) : method.request.decode(bytes);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new MeshError({ status: "INVALID_ARGUMENT", message: `${method.fullName}: ${error.message}` });
  }
}

function checkEndpoint(name: string, handler: unknown): void {
  if (!isMethodName(name))
    throw new TypeError(`method name ${JSON.stringify(name)}: a letter, then letters, digits and _ are expected`);
  if (typeof handler !== "function") throw new TypeError(`method ${name}: the handler must be a function`);
}
