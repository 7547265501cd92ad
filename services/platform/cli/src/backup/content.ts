// What a backup holds, as values and as the bytes that are encrypted.
import { createHash } from "node:crypto";

/** The policy as its bucket holds it. */
export interface PolicyCopy {
  /** Signed heads as they are stored, oldest first; the last one is in force. */
  readonly heads: readonly string[];
  /** By content hash: every document that one of the heads names, as it is stored. */
  readonly documents: Readonly<Record<string, string>>;
}

export interface BackupContent {
  /** ISO instant. */
  readonly createdAt: string;
  /** Version of the malla that made it. */
  readonly madeBy: string;
  /** Text of each file by its path below the home, parts joined by `/`. */
  readonly files: Readonly<Record<string, string>>;
  /** Undefined: it was made of the keys alone. */
  readonly policy: PolicyCopy | undefined;
}

/** Names that cannot leave the folder they are joined to. */
const PATH = /^(?!\.)[A-Za-z0-9_.-]+(\/(?!\.)[A-Za-z0-9_.-]+)*$/;

export function encodeContent(content: BackupContent): Uint8Array {
  return Buffer.from(JSON.stringify(content));
}

/** Throws an Error for what is not whole: a field that is missing, a path that leaves the home, a document that is not what its hash says. */
export function decodeContent(bytes: Uint8Array): BackupContent {
  let value: Partial<Record<keyof BackupContent, unknown>>;
  try {
    value = JSON.parse(Buffer.from(bytes).toString("utf8")) as typeof value;
  } catch {
    // The parser's own message would quote the content.
    throw new Error("its content is no JSON");
  }
  const { createdAt, madeBy, files, policy } = value ?? {};
  if (typeof createdAt !== "string" || typeof madeBy !== "string")
    throw new Error("its content has no date or version");
  if (!isTexts(files)) throw new Error("its content has no files");
  for (const path of Object.keys(files))
    if (!PATH.test(path)) throw new Error(`its content names the file ${JSON.stringify(path)}, which cannot be one`);
  return { createdAt, madeBy, files, policy: policy === undefined ? undefined : decodePolicy(policy) };
}

function decodePolicy(value: unknown): PolicyCopy {
  const { heads, documents } = (value ?? {}) as Record<string, unknown>;
  if (!Array.isArray(heads) || !heads.every((head): head is string => typeof head === "string") || !isTexts(documents))
    throw new Error("its policy has no heads or no documents");
  for (const [hash, text] of Object.entries(documents))
    if (createHash("sha256").update(text).digest("hex") !== hash)
      throw new Error(`its document ${hash.slice(0, 12)} is not what its hash says`);
  return { heads, documents };
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((text) => typeof text === "string")
  );
}
