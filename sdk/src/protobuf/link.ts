// Gives every type reference its full name by protobuf's own scoping: from the innermost scope outwards, the first match
// holds. protobufjs's own look-up also searches downwards, and can find another type of the same name.
import protobuf from "protobufjs";
import { ContractError } from "./contract-error.ts";
import { isScalarType, plainName } from "./message-plan.ts";
import type { ParsedFiles } from "./parse-files.ts";
import { suggest } from "./scalar-check.ts";

/** Links all files and resolves the Root. Throws `ContractError` for a type that does not exist. */
export function link(parsed: ParsedFiles): void {
  const names = new Map<string, protobuf.ReflectionObject>();
  collect(parsed.root, names);
  const linker = new Linker(parsed, names);
  linker.extensions();
  linker.namespace(parsed.root);
  try {
    parsed.root.resolveAll();
  } catch (error) {
    throw new ContractError({ file: parsed.entries[0]?.path }, error instanceof Error ? error.message : String(error));
  }
}

function collect(namespace: protobuf.NamespaceBase, names: Map<string, protobuf.ReflectionObject>): void {
  for (const object of namespace.nestedArray) {
    if (object instanceof protobuf.Type || object instanceof protobuf.Enum) names.set(plainName(object), object);
    if (object instanceof protobuf.Namespace) collect(object, names);
  }
}

class Linker {
  readonly #parsed: ParsedFiles;
  readonly #names: ReadonlyMap<string, protobuf.ReflectionObject>;

  constructor(parsed: ParsedFiles, names: ReadonlyMap<string, protobuf.ReflectionObject>) {
    this.#parsed = parsed;
    this.#names = names;
  }

  namespace(namespace: protobuf.NamespaceBase): void {
    if (namespace instanceof protobuf.Type) for (const field of namespace.fieldsArray) this.#field(field);
    if (namespace instanceof protobuf.Service) for (const method of namespace.methodsArray) this.#method(method);
    for (const object of namespace.nestedArray) {
      if (object instanceof protobuf.Field) this.#field(object);
      else if (object instanceof protobuf.Namespace) this.namespace(object);
    }
  }

  /** Extensions of options are dropped when what they extend was not loaded: nothing reads options. */
  extensions(): void {
    const deferred = this.#parsed.root as unknown as { deferred: protobuf.Field[] };
    const open = deferred.deferred;
    deferred.deferred = [];
    for (const field of open) {
      if (/(?:^|\.)google\.protobuf\.\w+Options$/.test(field.extend ?? "")) field.parent?.remove(field);
      else throw this.#missing(field, field.extend ?? "", "extend");
    }
  }

  #field(field: protobuf.Field): void {
    if (isScalarType(field.type)) return;
    const declared = field.declaringField ?? field;
    const scope = declared.parent === null ? "" : plainName(declared.parent);
    field.type = `.${this.#find(field, field.type, scope)}`;
  }

  #method(method: protobuf.Method): void {
    const scope = method.parent === null ? "" : plainName(method.parent);
    const request = this.#messageName(method, method.requestType, scope);
    method.requestType = `.${request}`;
    method.responseType = `.${this.#messageName(method, method.responseType, scope)}`;
  }

  #messageName(method: protobuf.Method, type: string, scope: string): string {
    const name = this.#find(method, type, scope);
    if (this.#names.get(name) instanceof protobuf.Type) return name;
    throw new ContractError(this.#place(method, type), `${name} is an enum; a method takes and gives messages`);
  }

  #find(from: protobuf.ReflectionObject, type: string, scope: string): string {
    if (type.startsWith(".")) {
      if (this.#names.has(type.slice(1))) return type.slice(1);
      throw this.#missing(from, type, "field");
    }
    for (let at: string | undefined = scope; at !== undefined; at = outer(at)) {
      const name = at === "" ? type : `${at}.${type}`;
      if (this.#names.has(name)) return name;
    }
    throw this.#missing(from, type, "field");
  }

  #missing(from: protobuf.ReflectionObject, type: string, use: "field" | "extend"): ContractError {
    const last = type.slice(type.lastIndexOf(".") + 1);
    const likely = [...this.#names.keys()].filter((name) => name.endsWith(`.${last}`) || name === last);
    const hint =
      likely.length > 0
        ? `; did you mean ${likely.slice(0, 3).join(" or ")}?`
        : this.#skippedHint() || suggest(type, []);
    const what = use === "extend" ? "extended here" : `used by ${plainName(from)}`;
    return new ContractError(
      this.#place(from, type),
      `there is no message or enum ${type}, ${what}${hint || "; is an import missing?"}`,
    );
  }

  #skippedHint(): string {
    const { skipped } = this.#parsed;
    if (skipped.size === 0) return "";
    return `; these imports were not found and taken for options: ${[...skipped].join(", ")}`;
  }

  #place(from: protobuf.ReflectionObject, type: string): { file?: string | undefined; line?: number | undefined } {
    const path = filenameOf(from);
    const file = path === undefined ? undefined : this.#parsed.files.get(path);
    return { file: path, line: file === undefined ? undefined : useLine(file.source, from.name, type) };
  }
}

/** The next scope outwards: `a.b.C`, `a.b`, `a`, ``, none. */
function outer(scope: string): string | undefined {
  if (scope === "") return undefined;
  const dot = scope.lastIndexOf(".");
  return dot < 0 ? "" : scope.slice(0, dot);
}

/** The file an object was declared in; a sister field of an extension has none of its own. */
export function filenameOf(object: protobuf.ReflectionObject): string | undefined {
  for (let at: protobuf.ReflectionObject | null = object; at !== null; at = at.parent) {
    if (at.filename !== null && at.filename !== undefined) return at.filename;
  }
  return undefined;
}

/** The line that has both names, else the first that has the type. */
function useLine(source: string, name: string, type: string): number | undefined {
  const lines = source.split("\n");
  const typeAt = (line: string): boolean => hasWord(line, type);
  const both = lines.findIndex((line) => typeAt(line) && hasWord(line, name));
  const index = both >= 0 ? both : lines.findIndex(typeAt);
  return index < 0 ? undefined : index + 1;
}

function hasWord(line: string, word: string): boolean {
  const index = line.indexOf(word);
  return index >= 0 && !/[\w.]/.test(line[index + word.length] ?? "") && !/[\w]/.test(line[index - 1] ?? "");
}
