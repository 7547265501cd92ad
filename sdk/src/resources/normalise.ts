// The one form of a document's meaning: every default filled in, keys in one order, sets sorted. What is stored and
// hashed is this form, so that one meaning has one hash.
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { stringify } from "yaml";
import type { MeshDocument } from "../contract/documents.ts";
import { formatFieldPath } from "./field-path.ts";
import { isMap } from "./metadata.ts";
import { validateDocument } from "./validate.ts";

/** The normal form of a document, keys in the order of its schema. Throws a TypeError that lists what is wrong with it. */
export function normaliseDocument(document: MeshDocument): MeshDocument {
  const validated = validateDocument(document);
  if (validated.document !== undefined) return validated.document;
  const list = validated.problems.map(({ path, message }) => `${formatFieldPath(path)} ${message}`.trim());
  throw new TypeError(`not a valid resource: ${list.join("; ")}`);
}

/** The normal form as JSON in UTF-8 without blanks, keys sorted by code unit. Throws as `normaliseDocument` does. */
export function canonicalBytes(document: MeshDocument): Uint8Array {
  return Buffer.from(JSON.stringify(sorted(normaliseDocument(document))), "utf8");
}

/** SHA-256 of the canonical bytes in lower-case hex: the key under which a document is stored. */
export function contentHash(document: MeshDocument): string {
  return createHash("sha256").update(canonicalBytes(document)).digest("hex");
}

/** `Route/catalog-canary`: what a document is called in lists and messages. */
export function documentName({ kind, metadata }: Pick<MeshDocument, "kind" | "metadata">): string {
  return `${kind}/${metadata.name}`;
}

/**
 * The document as YAML, for reading and for applying again: `parseDocuments` gives back the same document, and kubectl
 * takes it too (`createdAt` is spelled `creationTimestamp`).
 */
export function toYaml(document: MeshDocument): string {
  return stringify(asWritten(document), { lineWidth: 0, aliasDuplicateObjects: false, version: "1.1" });
}

/** The document as plain values in the spelling of its files, for `-o json`. */
export function asWritten(document: MeshDocument): Record<string, unknown> {
  const { metadata, ...rest } = normaliseDocument(document);
  const { createdAt, name, ...more } = metadata;
  const timestamp = createdAt === undefined ? {} : { creationTimestamp: createdAt };
  return { apiVersion: rest.apiVersion, kind: rest.kind, metadata: { name, ...timestamp, ...more }, spec: rest.spec };
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isMap(value)) return value;
  const names = Object.keys(value).sort();
  return Object.fromEntries(names.map((name) => [name, sorted(value[name])]));
}
