// YAML and JSON files to documents. Every problem says where it stands; a document with a problem is refused whole.
import { Buffer } from "node:buffer";
import { type Document, isScalar, type Node, type YAMLError } from "yaml";
import type { MeshDocument } from "../contract/documents.ts";
import { composeDocuments } from "./compose-yaml.ts";
import type { FieldProblem } from "./describe-issue.ts";
import { type FieldPath, followFieldPath, formatFieldPath, valueAt } from "./field-path.ts";
import { locate } from "./locate.ts";
import { isMap } from "./metadata.ts";
import { documentName } from "./normalise.ts";
import { type ReadNode, readNode } from "./read-node.ts";
import { type Chunk, splitDocuments } from "./split-documents.ts";
import { type TextPosition, textPositions } from "./text-position.ts";
import { validateDocument } from "./validate.ts";

export interface ParseOptions {
  /** Name of the text in problems; `-` for standard input. */
  readonly file: string;
}

/** Something wrong with a resource file. */
export interface ResourceProblem extends TextPosition {
  readonly file: string;
  /** `Route/catalog-canary`, or `document 2` where it has no kind and name. */
  readonly document: string;
  /** `spec.destinations[1].weight`; empty if it is about the document as a whole. */
  readonly path: string;
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** A document and what stands beside it in its file. */
export interface DocumentEntry extends TextPosition {
  readonly document: MeshDocument;
  /** `metadata.namespace`, if the file says one: the caller decides whether it is its own. */
  readonly namespace?: string;
  readonly file: string;
  /**
   * Where a field stands in the text, `spec.match.headers.x-beta.regex`: for problems that are found later. The place
   * of the nearest thing around it if the field is not written out.
   */
  readonly positionOf: (path: string) => TextPosition;
}

export interface ParsedDocuments {
  /** The documents without problems, every default filled in. */
  readonly documents: readonly MeshDocument[];
  /** The same documents with their places and namespaces. */
  readonly entries: readonly DocumentEntry[];
  readonly problems: readonly ResourceProblem[];
}

/** Largest document, in bytes of UTF-8: a resource is a page of text, and NATS carries 1 MiB. */
export const MAX_DOCUMENT_BYTES = 1024 * 1024;
/** Largest text with all its documents, in bytes of UTF-8. */
export const MAX_FILE_BYTES = 16 * 1024 * 1024;
/** After so many problems the rest of a text is not looked at. */
export const MAX_PROBLEMS = 100;
const MAX_SYNTAX_PROBLEMS = 3;
/** What a problem quotes may be the rest of the file: each of its texts is cut to this, in characters. */
const MAX_TEXT_LENGTH = 300;

/**
 * Reads every document of a text: YAML 1.2 with `---` between documents, JSON, and lists as kubectl writes them
 * (`kind: List`). Takes time proportional to the size of the text and never throws.
 */
export function parseDocuments(text: string, { file }: ParseOptions): ParsedDocuments {
  return new FileReader(text, file).read();
}

const SYNTAX_HINTS: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: "indent with spaces",
  BLOCK_AS_IMPLICIT_KEY: 'check the indentation, and put a value that holds ": " in quotes',
  BAD_INDENT: "check the indentation",
  MISSING_CHAR: "check brackets, quotes and colons",
  MULTILINE_IMPLICIT_KEY: 'check that each field has ": " after its name',
  BAD_SCALAR_START: "put the value in quotes",
};

/** Reads one text; holds what it has found so far. */
class FileReader {
  readonly #text: string;
  readonly #file: string;
  readonly #positionOf: (offset: number) => TextPosition;
  readonly #entries: DocumentEntry[] = [];
  readonly #problems: ResourceProblem[] = [];
  readonly #seen = new Map<string, number>();
  #count = 0;

  constructor(text: string, file: string) {
    this.#text = text.startsWith("\ufeff") ? text.slice(1) : text;
    this.#file = file;
    this.#positionOf = textPositions(this.#text);
  }

  read(): ParsedDocuments {
    const bytes = Buffer.byteLength(this.#text);
    if (bytes > MAX_FILE_BYTES) {
      this.#report(0, { document: "file", message: `has ${bytes} bytes, at most ${MAX_FILE_BYTES} are read` });
    } else {
      for (const chunk of splitDocuments(this.#text)) {
        if (this.#problems.length >= MAX_PROBLEMS) break;
        this.#readChunk(chunk);
      }
    }
    const problems = this.#problems.slice(0, MAX_PROBLEMS);
    return { documents: this.#entries.map(({ document }) => document), entries: this.#entries, problems };
  }

  #readChunk(chunk: Chunk): void {
    const bytes = Buffer.byteLength(chunk.text);
    if (bytes > MAX_DOCUMENT_BYTES) {
      const message = `has ${bytes} bytes, at most ${MAX_DOCUMENT_BYTES} are read`;
      this.#report(chunk.offset, { document: `document ${++this.#count}`, message });
      return;
    }
    const { documents, stopped } = composeDocuments(chunk.text);
    for (const document of documents) {
      if (document.errors.length === 0 && isEmpty(document.contents)) continue;
      this.#count++;
      this.#readDocument(document, chunk);
    }
    if (stopped === undefined) return;
    const { offset, message } = stopped;
    this.#report(chunk.offset + offset, { document: `document ${++this.#count}`, message: oneLine(message) });
  }

  #readDocument(parsed: Document.Parsed, { text, offset }: Chunk): void {
    const document = `document ${this.#count}`;
    const syntax: readonly YAMLError[] = [...parsed.errors, ...parsed.warnings];
    if (syntax.length > 0) {
      // What comes at the same place is a consequence of the first.
      const places = new Map(syntax.toReversed().map((error) => [error.pos[0], error]));
      for (const error of [...places.values()].reverse().slice(0, MAX_SYNTAX_PROBLEMS)) {
        this.#report(offset + error.pos[0], { document, ...describeSyntaxError(error, text) });
      }
      return;
    }
    const root = parsed.contents as Node;
    const read = readNode(root);
    if (read.problems.length > 0) {
      const name = nameOf(read.value) ?? document;
      for (const { offset: at, ...problem } of read.problems) this.#report(offset + at, { document: name, ...problem });
      return;
    }
    const unit: Unit = { root, read, offset, path: [], value: read.value };
    if (isList(read.value)) this.#readList(unit);
    else this.#validate(unit, document);
  }

  #readList(unit: Unit): void {
    const items = valueAt(unit.value, ["items"]);
    if (!Array.isArray(items)) {
      const at = locate(unit.root, ["items"], unit.read.targets).offset;
      this.#report(unit.offset + at, {
        document: `document ${this.#count}`,
        path: "items",
        message: "must be a list of documents",
      });
      return;
    }
    items.forEach((value, index) => {
      this.#validate({ ...unit, path: ["items", index], value }, `document ${this.#count} item ${index + 1}`);
    });
  }

  #validate(unit: Unit, fallback: string): void {
    const place = (path: FieldPath) => locate(unit.root, [...unit.path, ...path], unit.read.targets);
    const document = nameOf(unit.value) ?? fallback;
    const offsetOf = (path: FieldPath): number => unit.offset + place(path).offset;
    const problemOffset = ({ path, aboutName }: FieldProblem): number =>
      unit.offset + (aboutName === true ? place(path).nameOffset : place(path).offset);
    const validated = validateDocument(unit.value, { sourceOf: (path) => place(path).source });
    const namespace = valueAt(unit.value, ["metadata", "namespace"]);
    const problems = [...validated.problems, ...namespaceProblems(namespace)];
    const placed = problems.map((problem) => ({ problem, offset: problemOffset(problem) }));
    for (const { problem, offset } of placed.sort((a, b) => a.offset - b.offset)) {
      const { path, aboutName: _aboutName, ...rest } = problem;
      this.#report(offset, { document, path: formatFieldPath(path), ...rest });
    }
    if (validated.document === undefined || problems.length > 0) return;
    const positionOf = (path: string): TextPosition => this.#positionOf(offsetOf(followFieldPath(unit.value, path)));
    const where = { file: this.#file, ...positionOf(""), positionOf };
    this.#keep(
      { document: validated.document, ...where, ...(typeof namespace === "string" ? { namespace } : {}) },
      offsetOf,
    );
  }

  /** Keeps a document unless the text has one of its name already. */
  #keep(entry: DocumentEntry, offsetOf: (path: FieldPath) => number): void {
    const name = documentName(entry.document);
    const key = `${entry.namespace ?? ""}/${name}`;
    const first = this.#seen.get(key);
    if (first === undefined) {
      this.#seen.set(key, entry.line);
      this.#entries.push(entry);
      return;
    }
    const path = ["metadata", "name"];
    const message = `is the name of the ${entry.document.kind} at line ${first} already`;
    this.#report(offsetOf(path), {
      document: name,
      path: formatFieldPath(path),
      message,
      hint: "rename or remove one of the two",
    });
  }

  #report(
    offset: number,
    problem: Omit<ResourceProblem, "file" | "path" | keyof TextPosition> & { readonly path?: string },
  ): void {
    const { document, path = "", message, hint } = problem;
    this.#problems.push({
      file: this.#file,
      ...this.#positionOf(offset),
      document,
      path: shortText(path),
      message: shortText(message),
      ...(hint === undefined ? {} : { hint: shortText(hint) }),
    });
  }
}

/** One document to validate: a whole YAML document or an item of a list. */
interface Unit {
  readonly root: Node;
  readonly read: ReadNode;
  /** Where the nodes' text begins in the file. */
  readonly offset: number;
  /** Where the document stands under `root`. */
  readonly path: FieldPath;
  readonly value: unknown;
}

/** Nothing between two markers, or comments only. */
function isEmpty(contents: Node | null): boolean {
  return contents === null || (isScalar(contents) && contents.value === null);
}

function isList(value: unknown): boolean {
  if (!isMap(value)) return false;
  const kind = value.kind;
  return typeof kind === "string" && (kind === "List" || (kind.endsWith("List") && Array.isArray(value.items)));
}

function nameOf(value: unknown): string | undefined {
  const kind = valueAt(value, ["kind"]);
  const name = valueAt(value, ["metadata", "name"]);
  return isShortText(kind) && isShortText(name) ? `${kind}/${name}` : undefined;
}

/** Names in messages are short and on one line, whatever the file says. */
function isShortText(value: unknown): boolean {
  return typeof value === "string" && /^[\w.-]{1,128}$/.test(value);
}

function namespaceProblems(namespace: unknown): FieldProblem[] {
  if (namespace === undefined || namespace === "" || namespace === null) return [];
  if (typeof namespace === "string" && /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(namespace)) return [];
  return [
    {
      path: ["metadata", "namespace"],
      message: "must be the name of a namespace: lower-case letters, digits and dashes",
    },
  ];
}

function shortText(text: string): string {
  return text.length > MAX_TEXT_LENGTH ? `${text.slice(0, MAX_TEXT_LENGTH)}…` : text;
}

function oneLine(message: string): string {
  return message.replace(/\s+/g, " ").trim();
}

function describeSyntaxError(error: YAMLError, text: string): { message: string; hint?: string } {
  const message = oneLine(error.message);
  if (error.code === "RESOURCE_EXHAUSTION") return { message: "nested too deeply" };
  const json = text.trimStart().startsWith("{") && error.code === "UNEXPECTED_TOKEN";
  const hint = json ? "put --- between documents" : SYNTAX_HINTS[error.code];
  return hint === undefined ? { message } : { message, hint };
}
