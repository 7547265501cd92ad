// The types of a service as data: what `malla generate` embeds so that no .proto file is needed at run time. It is
// protobufjs's own JSON form of a schema, without comments and options, and without what the services do not use.
import protobuf from "protobufjs/light.js";
import { buildContract } from "./build-contract.ts";
import type { AnyService, Contract } from "./contract.ts";
import { ContractError } from "./contract-error.ts";

/** Packages, messages, enums and services by name. Made by `malla generate`; nobody writes one by hand. */
export interface Descriptor {
  readonly [name: string]: object;
}

/**
 * The contract of a service in a descriptor. `name` is the service on the mesh, by default the protobuf name in lower
 * case with dashes. Throws `ContractError` if the descriptor has no such service.
 */
export function contractFromDescriptor<Service = AnyService>(
  descriptor: Descriptor,
  options: { readonly service: string; readonly name?: string },
): Contract<Service> {
  // protobufjs adds to the objects it is given.
  const root = protobuf.Root.fromJSON({ nested: structuredClone(descriptor) as Record<string, protobuf.INamespace> });
  const service = root.lookup(`.${options.service}`);
  if (service instanceof protobuf.Service) return buildContract<Service>(service, options.name);
  throw new ContractError({}, `the descriptor has no service ${options.service}; generate the file again`);
}

/** Describes the services and everything they, and the further `types`, need. */
export function describe(
  root: protobuf.Root,
  services: readonly protobuf.Service[],
  types: readonly (protobuf.Type | protobuf.Enum)[],
): Descriptor {
  const kept = new Set<protobuf.ReflectionObject>(services);
  for (const service of services) {
    for (const method of service.methodsArray) {
      method.resolve();
      keep(method.resolvedRequestType, kept);
      keep(method.resolvedResponseType, kept);
    }
  }
  for (const type of types) keep(type, kept);
  return (describeNested(root, kept) ?? {}) as Record<string, Json>;
}

function keep(type: protobuf.Type | protobuf.Enum | null, kept: Set<protobuf.ReflectionObject>): void {
  if (type === null || kept.has(type)) return;
  kept.add(type);
  if (!(type instanceof protobuf.Type)) return;
  for (const field of type.fieldsArray) {
    keep(field.resolve().resolvedType, kept);
    if (field.declaringField !== null) kept.add(field.declaringField);
  }
}

type Json = Record<string, unknown>;

function describeNested(namespace: protobuf.NamespaceBase, kept: ReadonlySet<object>): Json | undefined {
  const nested: Json = {};
  for (const object of namespace.nestedArray) {
    const described = describeObject(object, kept);
    if (described !== undefined) nested[object.name] = described;
  }
  return Object.keys(nested).length === 0 ? undefined : nested;
}

function describeObject(object: protobuf.ReflectionObject, kept: ReadonlySet<object>): Json | undefined {
  if (!(object instanceof protobuf.Namespace)) return kept.has(object) ? clean(jsonOf(object)) : undefined;
  const nested = describeNested(object, kept);
  if (kept.has(object)) {
    const { nested: _all, ...own } = jsonOf(object);
    return { ...clean(own), ...(nested === undefined ? {} : { nested }) };
  }
  return nested === undefined ? undefined : { nested };
}

function jsonOf(object: protobuf.ReflectionObject): Json {
  return (object as unknown as { toJSON(): Json }).toJSON();
}

/** Options that change what is on the wire or in the JSON mapping, and idempotency. */
const OPTIONS = new Set([
  "packed",
  "default",
  "proto3_optional",
  "features",
  "allow_alias",
  "idempotency_level",
  "message_set_wire_format",
]);

/** Without comments, with few options, and only what JSON can hold. */
function clean(json: Json): Json {
  const result: Json = {};
  for (const [key, value] of Object.entries(json)) {
    if (DROPPED.has(key) || value === undefined) continue;
    if (key === "options") {
      const options = Object.entries(value as Json).filter(([name]) => OPTIONS.has(name));
      if (options.length > 0) result.options = Object.fromEntries(options);
    } else result[key] = MEMBERS.has(key) ? cleanEach(value as Json) : value;
  }
  return result;
}

const DROPPED = new Set([
  "parsedOptions",
  "valuesOptions",
  "comment",
  "comments",
  "reserved",
  "extensions",
  "visibility",
]);
const MEMBERS = new Set(["fields", "methods", "oneofs"]);

function cleanEach(members: Json): Json {
  return Object.fromEntries(Object.entries(members).map(([name, member]) => [name, clean(member as Json)]));
}
