// Binds a linked protobuf service to a name of the mesh.
import type protobuf from "protobufjs/light.js";
import { isMethodName, isServiceName } from "../contract/names.ts";
import type { Contract, ContractMethod, Idempotency } from "./contract.ts";
import { ContractError } from "./contract-error.ts";
import { type Codecs, createCodecs } from "./message-codec.ts";
import { plainName } from "./message-plan.ts";

/**
 * Builds the contract and compiles the codecs of all its messages. `name` is the service on the mesh; by default it is
 * made from the service's own name. Throws `ContractError` if a name cannot go into a subject.
 */
export function buildContract<Service>(service: protobuf.Service, name: string | undefined): Contract<Service> {
  const fullName = plainName(service);
  const meshName = name ?? defaultName(service.name);
  if (!isServiceName(meshName)) {
    throw new ContractError(
      { file: service.filename ?? undefined },
      `${JSON.stringify(meshName)} cannot name ${fullName} on the mesh: give a name of lower-case letters, digits and dashes, at most 63`,
    );
  }
  const codecs = createCodecs(service.root);
  const methods = service.methodsArray.map((method): [string, ContractMethod] => [
    method.name,
    buildMethod(method, fullName, codecs),
  ]);
  return { name: meshName, fullName, methods: new Map(methods), codec: codecs.named };
}

/** `CartService` becomes `cart-service`, `HTTPProxy` becomes `http-proxy`. */
export function defaultName(serviceName: string): string {
  return serviceName
    .replace(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1-$2")
    .replaceAll("_", "-")
    .toLowerCase();
}

function buildMethod(method: protobuf.Method, serviceName: string, codecs: Codecs): ContractMethod {
  if (!isMethodName(method.name)) {
    throw new ContractError(
      { file: method.filename ?? undefined },
      `the method ${JSON.stringify(method.name)} of ${serviceName} cannot stand in a subject: it must start with a letter and have at most 128 characters`,
    );
  }
  method.resolve();
  return {
    name: method.name,
    fullName: `${serviceName}/${method.name}`,
    idempotency: idempotencyOf(method),
    requestStream: method.requestStream === true,
    responseStream: method.responseStream === true,
    request: codecs.of(method.resolvedRequestType as protobuf.Type),
    response: codecs.of(method.resolvedResponseType as protobuf.Type),
  };
}

function idempotencyOf(method: protobuf.Method): Idempotency {
  switch (method.options?.idempotency_level) {
    case "NO_SIDE_EFFECTS":
      return "no-side-effects";
    case "IDEMPOTENT":
      return "idempotent";
    default:
      return "unknown";
  }
}
