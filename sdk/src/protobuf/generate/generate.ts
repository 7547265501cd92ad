// `malla generate`: .proto files to TypeScript, one readable file each.
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import protobuf from "protobufjs";
import { ContractError } from "../contract-error.ts";
import { filenameOf, link } from "../link.ts";
import { wellKnownOf } from "../message-plan.ts";
import { type ParsedFiles, type ProtoFile, parseFiles } from "../parse-files.ts";
import { printFile } from "./print-file.ts";
import { nameEverything } from "./type-names.ts";

export interface GenerateOptions {
  /** Where the .ts files go, in folders as the .proto files are imported. Made if it is not there. */
  readonly outDir: string;
  /** Folders that imports start from, searched in this order before any other. */
  readonly includeDirs?: readonly string[];
}

/**
 * Writes one TypeScript file for each .proto file, and for each further one that they take types from. Returns the paths
 * written, sorted. The same input gives the same output, byte for byte. Throws `ContractError`.
 */
export async function generate(files: readonly string[], options: GenerateOptions): Promise<string[]> {
  const parsed = await parseFiles(files, options.includeDirs ?? []);
  link(parsed);
  const names = nameEverything(parsed);
  const written = new Map<string, string>();
  for (const file of neededFiles(parsed)) {
    const target = path.join(options.outDir, outputPath(file));
    if (written.has(target)) {
      throw new ContractError({ file: file.path }, `another file would also be written to ${target}; give includeDirs`);
    }
    written.set(target, printFile(parsed, file, names, importSpecifier));
  }
  for (const [target, text] of written) {
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(target, text);
  }
  return [...written.keys()].sort();
}

/** The entries, and every file with a type that one of these uses. */
function neededFiles(parsed: ParsedFiles): readonly ProtoFile[] {
  const needed = new Set<ProtoFile>(parsed.entries);
  for (const file of needed) {
    for (const type of usedTypes(parsed, file)) {
      const owner = parsed.files.get(filenameOf(type) ?? "");
      if (owner !== undefined && !isMapped(type)) needed.add(owner);
    }
  }
  return [...needed];
}

/** Types that the SDK has a form of its own for. */
function isMapped(type: protobuf.ReflectionObject): boolean {
  const name = type.fullName.slice(1);
  return wellKnownOf(name) !== undefined || name === "google.protobuf.Empty" || name === "google.protobuf.NullValue";
}

function usedTypes(parsed: ParsedFiles, file: ProtoFile): readonly protobuf.ReflectionObject[] {
  const used: protobuf.ReflectionObject[] = [];
  const visit = (object: protobuf.ReflectionObject): void => {
    if (object instanceof protobuf.Type && filenameOf(object) === file.path) {
      for (const field of object.fieldsArray) if (field.resolvedType !== null) used.push(field.resolvedType);
    }
    if (object instanceof protobuf.Service && filenameOf(object) === file.path) {
      for (const { resolvedRequestType, resolvedResponseType } of object.methodsArray) {
        if (resolvedRequestType !== null) used.push(resolvedRequestType);
        if (resolvedResponseType !== null) used.push(resolvedResponseType);
      }
    }
    if (object instanceof protobuf.Namespace) object.nestedArray.forEach(visit);
  };
  visit(parsed.root);
  return used;
}

/** Below the output folder, whatever the import path looks like. */
function outputPath(file: ProtoFile): string {
  const parts = file.importPath.split("/").filter((part) => part !== "" && part !== "." && part !== "..");
  return `${parts.join("/").replace(/\.proto$/, "")}.ts`;
}

/** `./` or `../` and `.js`: type imports only, which every module setting resolves to the .ts file. */
function importSpecifier(from: ProtoFile, to: ProtoFile): string {
  const relative = path.posix.relative(path.posix.dirname(outputPath(from)), outputPath(to)).replace(/\.ts$/, ".js");
  return relative.startsWith(".") ? relative : `./${relative}`;
}
