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
  parseDocuments,
} from "@malla/sdk/resources";
import { Failure, misuse } from "../failure.ts";

const RESOURCE_FILE = /\.(ya?ml|json)$/;

/** A document and where it was read, so that what is found out later can still be placed. */
export interface ReadDocument {
  readonly document: MeshDocument;
  /** `file:line:column` of a field. */
  readonly place: (path: string) => string;
}

/** Throws a Failure that lists every problem with file, line and column. */
export function readDocuments(paths: readonly string[]): readonly ReadDocument[] {
  if (paths.length === 0) throw misuse("-f FILE, -f FOLDER or -f - is needed");
  const problems: string[] = [];
  const documents = new Map<string, ReadDocument>();
  for (const { file, text } of paths.flatMap(readTexts)) {
    const parsed = parseDocuments(text, { file });
    problems.push(...parsed.problems.map((problem) => formatProblemWithSource(problem, text)));
    for (const { document, namespace, positionOf } of parsed.entries) {
      const name = documentName(document);
      if (namespace !== undefined && namespace !== "default")
        problems.push(`${file}: ${name}: metadata.namespace is ${namespace}; this mesh has one, default`);
      if (documents.has(name)) problems.push(`${file}: ${name} is there twice`);
      documents.set(name, {
        document,
        place: (path) => {
          const { line, column } = positionOf(path);
          return `${file}:${line}:${column}`;
        },
      });
    }
  }
  if (problems.length > 0) throw new Failure(`${problems.join("\n")}\nnothing was applied`);
  if (documents.size === 0) throw new Failure(`there is no document in ${paths.join(", ")}`);
  return [...documents.values()];
}

function readTexts(path: string): { file: string; text: string }[] {
  if (path === "-") return [{ file: "-", text: readFileSync(0, "utf8") }];
  try {
    if (!statSync(path).isDirectory()) return [{ file: path, text: readFileSync(path, "utf8") }];
    const names = readdirSync(path)
      .filter((name) => RESOURCE_FILE.test(name))
      .sort();
    if (names.length === 0) throw new Failure(`${path}: there is no .yaml, .yml or .json file in this folder`);
    return names.map((name) => ({ file: join(path, name), text: readFileSync(join(path, name), "utf8") }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") throw misuse(`${path}: there is no such file or folder`);
    throw error;
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

/** The set as it would be after putting `documents`. Age of what is there is kept. */
export function withDocuments(
  before: readonly MeshDocument[],
  read: readonly ReadDocument[],
  now: string,
): readonly MeshDocument[] {
  const all = new Map(before.map((document) => [documentName(document), document]));
  for (const { document } of read) {
    const createdAt = all.get(documentName(document))?.metadata.createdAt ?? now;
    all.set(documentName(document), { ...document, metadata: { ...document.metadata, createdAt } } as MeshDocument);
  }
  return [...all.values()];
}
