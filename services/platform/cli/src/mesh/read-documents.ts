// Documents from files, folders or standard input, all of them or none: one problem refuses the whole set.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { MeshDocument } from "@malla/sdk/contract";
import type { StoredDocument } from "@malla/sdk/discovery";
import { compile, type Problem } from "@malla/sdk/engine";
import {
  canonicalBytes,
  contentHash,
  documentName,
  formatProblemWithSource,
  ownerOf,
  parseDocuments,
  withOwner,
} from "@malla/sdk/resources";
import { Failure, misuse } from "../failure.ts";
import { readStdin } from "../read-stdin.ts";

const RESOURCE_FILE = /\.(ya?ml|json)$/;

/** A document and where it was read, so that what is found out later can still be placed. */
export interface ReadDocument {
  readonly document: MeshDocument;
  /** `file:line:column` of a field. */
  readonly place: (path: string) => string;
}

/** Throws a Failure that lists every problem with file, line and column. */
export async function readDocuments(paths: readonly string[]): Promise<readonly ReadDocument[]> {
  if (paths.length === 0) throw misuse("-f FILE, -f FOLDER or -f - is needed");
  const problems: string[] = [];
  const documents = new Map<string, ReadDocument>();
  for (const { file, text } of (await Promise.all(paths.map(readTexts))).flat()) {
    const parsed = parseDocuments(text, { file });
    problems.push(...parsed.problems.map((problem) => formatProblemWithSource(problem, text)));
    for (const { document, namespace, positionOf } of parsed.entries) {
      const name = documentName(document);
      const place = (path: string): string => {
        const { line, column } = positionOf(path);
        return `${file}:${line}:${column}`;
      };
      if (namespace !== undefined && namespace !== "default") {
        const path = "metadata.namespace";
        problems.push(`${place(path)}: ${name} ${path}: is ${namespace}; this mesh has one, default`);
      }
      const earlier = documents.get(name);
      if (earlier !== undefined) {
        problems.push(`${place("metadata.name")}: ${name} is at ${earlier.place("")} already`);
      }
      documents.set(name, { document, place });
    }
  }
  if (problems.length > 0) throw new Failure(`${problems.join("\n")}\nnothing was applied`);
  if (documents.size === 0) throw new Failure(`there is no document in ${paths.join(", ")}`);
  return [...documents.values()];
}

async function readTexts(path: string): Promise<{ file: string; text: string }[]> {
  if (path === "-") return [{ file: "-", text: new TextDecoder().decode(await readStdin()) }];
  try {
    if (!statSync(path).isDirectory()) return [{ file: path, text: readFileSync(path, "utf8") }];
    const names = readdirSync(path)
      .filter((name) => RESOURCE_FILE.test(name))
      .sort();
    return names.map((name) => ({ file: join(path, name), text: readFileSync(join(path, name), "utf8") }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") throw misuse(`${path}: there is no such file or folder`);
    throw new Failure(`${path} cannot be read: ${(error as Error).message}`);
  }
}

export function toStored(document: MeshDocument): StoredDocument {
  return { document, bytes: canonicalBytes(document), hash: contentHash(document) };
}

/**
 * What the engine says about the whole policy as it would be, placed in the files it was read from. Throws for errors, returns
 * warnings.
 */
export function checkTogether(documents: readonly MeshDocument[], read: readonly ReadDocument[]): readonly string[] {
  const { problems } = compile(documents, 1);
  const places = new Map(read.map(({ document, place }) => [documentName(document), place]));
  const describe = ({ document, path, message }: Problem): string => {
    const place = places.get(document);
    return `${place === undefined ? "in force" : place(path)}: ${document} ${path}: ${message}`;
  };
  const lines = (severity: string): string[] =>
    problems.filter((problem) => problem.severity === severity).map(describe);
  const errors = lines("error");
  if (errors.length > 0) throw new Failure(`${errors.join("\n")}\nnothing was applied`);
  return lines("warning");
}

/**
 * The set as it would be after putting `documents`. Age of what is there is kept, its owner only if asked for: else it belongs to
 * whoever puts it, whatever the file says.
 */
export function withDocuments(
  before: readonly MeshDocument[],
  read: readonly ReadDocument[],
  now: string,
  { keepOwners = false } = {},
): readonly MeshDocument[] {
  const all = new Map(before.map((document) => [documentName(document), document]));
  for (const { document } of read) {
    const there = all.get(documentName(document));
    const createdAt = there?.metadata.createdAt ?? now;
    const aged = { ...document, metadata: { ...document.metadata, createdAt } } as MeshDocument;
    const owner = keepOwners && there !== undefined ? ownerOf(there) : undefined;
    all.set(documentName(document), withOwner(aged, owner));
  }
  return [...all.values()];
}
