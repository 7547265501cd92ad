// What a generated file imports. A name that the file already has is imported under another one.
import type protobuf from "protobufjs";
import { filenameOf } from "../link.ts";
import { plainName } from "../message-plan.ts";
import type { ParsedFiles, ProtoFile } from "../parse-files.ts";
import type { TypeNames } from "./type-names.ts";

/** How one generated file imports another. */
export type Specifier = (from: ProtoFile, to: ProtoFile) => string;

const SDK = "@malla/sdk/protobuf";

export class FileImports {
  readonly names: TypeNames;
  readonly #file: ProtoFile;
  readonly #parsed: ParsedFiles;
  readonly #specifier: Specifier;
  readonly #taken: Set<string>;
  /** By module and name: the local name. */
  readonly #imported = new Map<string, Map<string, string>>();
  readonly #values = new Set<string>();

  constructor(file: ProtoFile, parsed: ParsedFiles, names: TypeNames, specifier: Specifier) {
    this.#file = file;
    this.#parsed = parsed;
    this.names = names;
    this.#specifier = specifier;
    this.#taken = new Set(names.takenIn(file.path));
  }

  /** The local name of an export of the SDK. */
  fromSdk(name: string, use: "type" | "value" = "type"): string {
    if (use === "value") this.#values.add(name);
    return this.#import(SDK, name, `Malla${name}`);
  }

  /** The local name of a message or enum, of this file or another. */
  typeOf(type: protobuf.ReflectionObject): string {
    const name = this.names.typeOf(type);
    const owner = this.#parsed.files.get(filenameOf(type) ?? "");
    if (owner === undefined || owner === this.#file) return name;
    return this.#import(this.#specifier(this.#file, owner), name, plainName(type).replaceAll(".", "_"));
  }

  /** A name for a constant of the file itself. */
  localName(wanted: string): string {
    let name = wanted;
    while (this.#taken.has(name)) name += "_";
    this.#taken.add(name);
    return name;
  }

  #import(module: string, name: string, alternative: string): string {
    const names = this.#imported.get(module) ?? new Map<string, string>();
    this.#imported.set(module, names);
    const known = names.get(name);
    if (known !== undefined) return known;
    const local = this.localName(this.#taken.has(name) ? alternative : name);
    names.set(name, local);
    return local;
  }

  /** The import lines, with a line break before each; the SDK's first. */
  print(): string {
    const modules = [...this.#imported].sort(([a], [b]) => (a === SDK ? -1 : b === SDK ? 1 : compare(a, b)));
    return modules.map(([module, names]) => `\n${this.#printImport(module, names)}`).join("");
  }

  #printImport(module: string, names: ReadonlyMap<string, string>): string {
    const sorted = [...names].sort(([a], [b]) => compare(a, b));
    const withValues = module === SDK && this.#values.size > 0;
    const items = sorted.map(([name, local]) => {
      const type = withValues && !this.#values.has(name) ? "type " : "";
      return `${type}${name}${name === local ? "" : ` as ${local}`}`;
    });
    const start = `import ${withValues ? "" : "type "}{`;
    const end = `} from ${JSON.stringify(module)};`;
    const line = `${start} ${items.join(", ")} ${end}`;
    return line.length <= 120 ? line : `${start}\n${items.map((item) => `  ${item},\n`).join("")}${end}`;
  }
}

/** By code units, so that no locale changes the output. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
