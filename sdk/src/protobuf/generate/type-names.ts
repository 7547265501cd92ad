// What messages, enums and services are called in TypeScript. A nested type carries its parents' names: `Order_Line`.
import protobuf from "protobufjs";
import { filenameOf } from "../link.ts";
import type { ParsedFiles } from "../parse-files.ts";

/** Names within the file that declares them; unique there, and legal. */
export interface TypeNames {
  /** Of a message or enum: its type. Of a service: the interface of its methods. */
  typeOf(object: protobuf.ReflectionObject): string;
  /** Of a service: the constant that holds its contract. */
  constantOf(service: protobuf.Service): string;
  /** All type and constant names of a file, by its absolute path. */
  takenIn(file: string): ReadonlySet<string>;
}

/**
 * Words that cannot name a type or constant, and global types that generated files use. A name of the .proto file that
 * is one of these gets an underscore behind it.
 */
const RESERVED = new Set(
  `any as async await bigint boolean break case catch class const continue debugger default delete do else enum export
  extends false finally for function get if implements import in infer instanceof interface keyof let module namespace
  never new null number object of package private protected public readonly require return set static string super
  switch symbol this throw true try type typeof undefined unique unknown var void while with yield arguments eval
  Uint8Array Record`.split(/\s+/),
);

export function nameEverything(parsed: ParsedFiles): TypeNames {
  const types = new Map<protobuf.ReflectionObject, string>();
  const constants = new Map<protobuf.Service, string>();
  const taken = new Map<string, Set<string>>();
  const claim = (object: protobuf.ReflectionObject, wanted: string): string => {
    const file = filenameOf(object) ?? "";
    const names = taken.get(file) ?? new Set<string>();
    taken.set(file, names);
    let name = wanted;
    while (RESERVED.has(name) || names.has(name)) name += "_";
    names.add(name);
    return name;
  };
  const services: protobuf.Service[] = [];
  const visit = (object: protobuf.ReflectionObject): void => {
    if (object instanceof protobuf.Type || object instanceof protobuf.Enum) {
      types.set(object, claim(object, flatName(object)));
    } else if (object instanceof protobuf.Service) services.push(object);
    if (object instanceof protobuf.Namespace) object.nestedArray.forEach(visit);
  };
  visit(parsed.root);
  // Services come last, so that a message keeps its name and the service's interface gives way.
  for (const service of services) {
    types.set(service, claim(service, service.name.endsWith("Service") ? service.name : `${service.name}Service`));
    constants.set(service, claim(service, lowerFirst(service.name)));
  }
  return {
    typeOf: (object) => types.get(object) as string,
    constantOf: (service) => constants.get(service) as string,
    takenIn: (file) => taken.get(file) ?? new Set(),
  };
}

/** `Order.Line` is `Order_Line`. */
function flatName(object: protobuf.ReflectionObject): string {
  const parts = [object.name];
  for (let at = object.parent; at instanceof protobuf.Type; at = at.parent) parts.unshift(at.name);
  return parts.join("_");
}

/** `Payments` is `payments`, `HTTPProxy` is `httpProxy`. */
function lowerFirst(name: string): string {
  return name.replace(/^[A-Z]+(?=[A-Z][a-z]|$|_|\d)|^[A-Z]/, (start) => start.toLowerCase());
}
