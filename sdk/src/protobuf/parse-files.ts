// Reads .proto files with everything they import into one protobufjs Root.
import { readFile, realpath } from "node:fs/promises";
import path from "node:path";
import protobuf from "protobufjs";
import { ContractError } from "./contract-error.ts";
import { BUNDLED_FOLDERS, findImport, importRoot, isOptionsOnly, realFile } from "./find-proto.ts";

/** One parsed file. */
export interface ProtoFile {
  /** Absolute real path. */
  readonly path: string;
  /** The path it is imported by, with forward slashes; of a file nobody imports, its path below an include folder. */
  readonly importPath: string;
  readonly packageName: string;
  readonly imports: readonly ProtoFile[];
  readonly source: string;
}

/** The files of one load and what they define, not yet linked. */
export interface ParsedFiles {
  readonly root: protobuf.Root;
  /** The files that were asked for, in their order. */
  readonly entries: readonly ProtoFile[];
  /** By absolute path: `filename` of every reflection object. */
  readonly files: ReadonlyMap<string, ProtoFile>;
  /** Imports that were skipped because only options need them. */
  readonly skipped: ReadonlySet<string>;
}

/**
 * Parses the files. Imports are searched in `includeDirs`, then in the folder of the file that was asked for (and the
 * one above its package), the working directory, the importing file's own folder, and the bundled folders.
 * Throws `ContractError`.
 */
export async function parseFiles(entries: readonly string[], includeDirs: readonly string[]): Promise<ParsedFiles> {
  const reader = new FileReader(includeDirs.map((folder) => path.resolve(folder)));
  const parsed: ProtoFile[] = [];
  for (const entry of entries) parsed.push(await reader.readEntry(entry));
  return { root: reader.root, entries: parsed, files: reader.files, skipped: reader.skipped };
}

type Draft = { -readonly [Key in keyof ProtoFile]: Key extends "imports" ? ProtoFile[] : ProtoFile[Key] };

class FileReader {
  readonly root = new protobuf.Root();
  readonly files = new Map<string, Draft>();
  readonly skipped = new Set<string>();
  readonly #includeDirs: readonly string[];

  constructor(includeDirs: readonly string[]) {
    this.#includeDirs = includeDirs;
  }

  async readEntry(entry: string): Promise<ProtoFile> {
    const found = (await realFile(path.resolve(entry))) ?? (await findImport(entry, this.#includeDirs));
    if (found === undefined) {
      const folders = [process.cwd(), ...this.#includeDirs];
      throw new ContractError({ file: entry }, `there is no such file; searched ${folders.join(", ")}`);
    }
    const known = this.files.get(found);
    if (known !== undefined) return known;
    return await this.#read(found, await this.#importPathOf(found), [path.dirname(found)]);
  }

  /** The path below the first include folder that holds the file, else its name. */
  async #importPathOf(file: string): Promise<string> {
    for (const folder of this.#includeDirs) {
      const relative = path.relative((await realFolder(folder)) ?? folder, file);
      if (!relative.startsWith("..") && !path.isAbsolute(relative)) return relative.split(path.sep).join("/");
    }
    return path.basename(file);
  }

  async #read(file: string, importPath: string, roots: readonly string[]): Promise<Draft> {
    const source = await readFile(file, "utf8");
    const { imports, packageName } = parseSource(this.root, file, source);
    const draft: Draft = { path: file, importPath, packageName, imports: [], source };
    this.files.set(file, draft);
    const allRoots = [...new Set([...roots, importRoot(file, packageName)])];
    for (const wanted of imports) {
      const imported = await this.#readImport(draft, wanted, allRoots);
      if (imported !== undefined && !draft.imports.includes(imported)) draft.imports.push(imported);
    }
    return draft;
  }

  async #readImport(from: Draft, wanted: Import, roots: readonly string[]): Promise<ProtoFile | undefined> {
    const own = [...this.#includeDirs, ...roots, process.cwd(), path.dirname(from.path)];
    const folders = [...new Set([...own, ...BUNDLED_FOLDERS])];
    const found = await findImport(wanted.path, folders);
    if (found !== undefined) return this.files.get(found) ?? (await this.#read(found, wanted.path, roots));
    if (wanted.weak || isOptionsOnly(wanted.path)) {
      this.skipped.add(wanted.path);
      return undefined;
    }
    throw new ContractError(
      { file: from.path, line: lineOf(from.source, `"${wanted.path}"`) ?? lineOf(from.source, `'${wanted.path}'`) },
      `the import ${JSON.stringify(wanted.path)} was not found in ${[...new Set(own)].join(", ")}, nor among the ` +
        "bundled files; add the folder it lies below to includeDirs (malla generate: -I)",
    );
  }
}

async function realFolder(folder: string): Promise<string | undefined> {
  return await realpath(folder).catch(() => undefined);
}

/** protobufjs notes in every object the file it is told here; its types do not mention it. */
const parser = protobuf.parse as unknown as { filename: string | null };

interface Import {
  readonly path: string;
  readonly weak: boolean;
}

function parseSource(
  root: protobuf.Root,
  file: string,
  source: string,
): { readonly imports: readonly Import[]; readonly packageName: string } {
  try {
    parser.filename = file;
    const parsed = protobuf.parse(source, root, { keepCase: true, alternateCommentMode: true });
    claimObjects(root, parsed.package, file);
    return {
      packageName: parsed.package ?? "",
      imports: [
        ...(parsed.imports ?? []).map((path) => ({ path, weak: false })),
        ...(parsed.weakImports ?? []).map((path) => ({ path, weak: true })),
      ],
    };
  } catch (error) {
    throw parseError(file, source, error);
  } finally {
    parser.filename = null;
  }
}

/** protobufjs forgets the file's name after an error that it caught itself, such as at a reserved name in an edition. */
function claimObjects(root: protobuf.Root, packageName: string | undefined, file: string): void {
  const namespace = packageName === undefined ? root : root.lookup(`.${packageName}`);
  if (!(namespace instanceof protobuf.Namespace)) return;
  for (const object of namespace.nestedArray) {
    const isPackage = object.constructor === protobuf.Namespace;
    if (!isPackage && (object.filename ?? null) === null) object.filename = file;
  }
}

/** Of what the parser quotes, at each end, in characters. */
const MAX_QUOTED = 400;
/** A longer line is not searched for who declares a name: patterns would go over it from each of its words. */
const MAX_SEARCHED_LINE = 1_000;

/** protobufjs says "illegal token 'x' (file, line 3)", "illegal string (line 3)", "duplicate name 'X' in Type .a.B". */
function parseError(file: string, source: string, error: unknown): ContractError {
  const said = error instanceof Error ? error.message : String(error);
  // A string may be all of the file, and blanks in what quotes it cost their square below; the line is said last.
  const message = said.length > 2 * MAX_QUOTED ? `${said.slice(0, MAX_QUOTED)}…${said.slice(-MAX_QUOTED)}` : said;
  if (message === "field must be a Field") {
    const line = lastLine(source, /\bgroup\s+\w+\s*=/);
    return new ContractError({ file, line }, "a group within a oneof cannot be read; move it out of the oneof");
  }
  const place = /\s*\((?:[^()]*, )?line (\d+)\)$/.exec(message);
  if (place !== null) {
    return new ContractError(
      { file, line: Number(place[1]) },
      `${message.slice(0, place.index)}; is the syntax right?`,
    );
  }
  const name = /^(?:duplicate name|name) '([^']+)'/.exec(message)?.[1];
  const id = /^(?:duplicate id|id) (\d+)/.exec(message)?.[1];
  const line = name !== undefined ? declarationLine(source, name) : id === undefined ? undefined : idLine(source, id);
  return new ContractError({ file, line }, message.replace(/ in (?:Type|Enum|Namespace|Root) ?\.?/, " in "));
}

/** The last line that declares a name: of two equal declarations the second one is at fault. */
function declarationLine(source: string, name: string): number | undefined {
  return lastLine(source, new RegExp(`\\b(?:message|enum|service|group|oneof|[\\w.>]+)\\s+${escapePattern(name)}\\b`));
}

function idLine(source: string, id: string): number | undefined {
  return lastLine(source, new RegExp(`=\\s*${id}\\b`));
}

function lastLine(source: string, pattern: RegExp): number | undefined {
  const index = source.split("\n").findLastIndex((line) => line.length <= MAX_SEARCHED_LINE && pattern.test(line));
  return index < 0 ? undefined : index + 1;
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** The line, from 1, where a text first stands; undefined if it does not. */
export function lineOf(source: string, text: string): number | undefined {
  const index = source.indexOf(text);
  return index < 0 ? undefined : source.slice(0, index).split("\n").length;
}
