// `mesh.client(contract)`: one function a method, typed by the contract, protobuf on the wire.
import { isJson } from "../call/payload.ts";
import { CONTENT_TYPE_PROTOBUF, MeshError } from "../contract/index.ts";
import type { Contract, ContractMethod, MethodOf, RequestOf, ResponseOf } from "../protobuf/contract.ts";
import type { CallOptions } from "./call-options.ts";

export type ContractClient<Service> = {
  readonly [Method in MethodOf<Service>]: (
    request: RequestInit<RequestOf<Service, Method>>,
    options?: CallOptions,
  ) => Promise<ResponseOf<Service, Method>>;
};
/** What a caller gives: fields may be left out where the contract has defaults. */
export type RequestInit<Message> = Message | Partial<Message>;

/** One call with bytes in and bytes out. */
export type SendBytes = (
  service: string,
  method: string,
  payload: Uint8Array,
  contentType: string,
  repeatable: boolean,
  options: CallOptions,
) => Promise<{ payload: Uint8Array; contentType: string | undefined }>;

export function createContractClient<Service>(contract: Contract<Service>, send: SendBytes): ContractClient<Service> {
  const client: Record<string, unknown> = {};
  for (const method of contract.methods.values()) {
    client[method.name] = async (request: unknown, options: CallOptions = {}) =>
      callMethod(contract.name, method, send, request, options);
  }
  return Object.freeze(client) as ContractClient<Service>;
}

async function callMethod(
  service: string,
  method: ContractMethod,
  send: SendBytes,
  request: unknown,
  options: CallOptions,
): Promise<unknown> {
  const repeatable = method.idempotency !== "unknown" || options.idempotencyKey !== undefined;
  const reply = await send(
    service,
    method.name,
    method.request.encode(request),
    CONTENT_TYPE_PROTOBUF,
    repeatable,
    options,
  );
  try {
    return reply.contentType !== undefined && isJson(reply.contentType)
      ? method.response.fromJson(reply.payload)
      : method.response.decode(reply.payload);
  } catch (cause) {
    throw MeshError.of("internal", `${method.fullName}: the reply is no ${method.response.typeName}`, { cause });
  }
}
