// What a log line must not carry, found by name and by shape. A second net behind `Secret`: it catches what came in from
// outside (headers, errors of libraries) and was never wrapped.

export const REDACTED = "[redacted]";
/** Longer texts are cut, in characters: a line of a log is no place for a document. */
export const MAX_TEXT_LENGTH = 8192;
/** Deeper structures are not walked; what lies below is left out. */
const MAX_DEPTH = 6;
const TOO_DEEP = "[too deep]";

/** Names whose value is a secret, in lower case without `-` and `_`. */
const SECRET_NAMES: ReadonlySet<string> = new Set([
  "authorization",
  "proxyauthorization",
  "mallaclaims",
  "cookie",
  "setcookie",
  "xapikey",
  "apikey",
  "accesstoken",
  "refreshtoken",
  "idtoken",
  "token",
  "authtoken",
  "password",
  "passwd",
  "pass",
  "secret",
  "clientsecret",
  "credentials",
  "creds",
  "seed",
  "nkey",
  "privatekey",
  "signingkey",
  "jwt",
]);

/** Bearer and basic tokens, JWTs, nkey seeds, PEM blocks and passwords in URLs. */
const SECRET_SHAPES =
  /\b(?:bearer|basic)\s+[\w.~+/=-]{8,}|\beyJ[\w-]+\.[\w-]+\.[\w-]*|\bS[ACNOUX][A-Z2-7]{56}\b|-----BEGIN [^-]*(?:PRIVATE KEY|SEED|JWT)-----[\s\S]*?(?:------?END [^-]*-+|$)|(?<=:\/\/[^\s/:@]*:)[^\s/@]+(?=@)/gi;
/** A cheap look before the expression above: none of its shapes can do without one of these. */
const MAYBE_SECRET = /bearer|basic|eyJ|S[ACNOUX][A-Z2-7]{56}|-----BEGIN|:\/\//i;

/** Whether a value under this name is a secret, whatever its case. */
export function isSecretName(name: string): boolean {
  return SECRET_NAMES.has(name.toLowerCase().replace(/[-_]/g, ""));
}

/** The text with what looks like a secret replaced, cut after 8,192 characters. */
export function redactText(text: string): string {
  const cut =
    text.length <= MAX_TEXT_LENGTH
      ? text
      : `${text.slice(0, MAX_TEXT_LENGTH)}… (${text.length - MAX_TEXT_LENGTH} more)`;
  return MAYBE_SECRET.test(cut) ? cut.replace(SECRET_SHAPES, REDACTED) : cut;
}

/**
 * A copy of `value` fit for a log: secrets replaced by name and by shape, errors as plain facts, bytes as their length,
 * cycles and great depth cut. Never throws and never changes what it was given.
 */
export function redactValue(value: unknown): unknown {
  return redactAt(value, 0, new Set());
}

function redactAt(value: unknown, depth: number, above: Set<object>): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return value;
  if (depth > MAX_DEPTH) return TOO_DEEP;
  if (above.has(value)) return "[circular]";
  if (value instanceof Uint8Array) return `[${value.byteLength} bytes]`;
  above.add(value);
  try {
    return redactObject(value, depth, above);
  } catch {
    // A getter or toJSON of somebody else threw: a log line is no reason to fail a call.
    return "[unreadable]";
  } finally {
    above.delete(value);
  }
}

function redactObject(value: object, depth: number, above: Set<object>): unknown {
  if (Array.isArray(value)) return redactList(value, depth, above);
  if (value instanceof Error) return redactError(value, depth, above);
  if (value instanceof Map) return redactEntries(value.entries(), depth, above);
  if (value instanceof Set) return redactList([...value], depth, above);
  const toJson = (value as { toJSON?: unknown }).toJSON;
  if (typeof toJson === "function") return redactAt(toJson.call(value), depth + 1, above);
  return redactEntries(Object.entries(value), depth, above);
}

/** Header blocks are lists of name, value, name, value: what follows a secret name is a secret. */
function redactList(list: readonly unknown[], depth: number, above: Set<object>): unknown[] {
  return list.map((item, index) => {
    const before = index === 0 ? undefined : list[index - 1];
    return typeof before === "string" && isSecretName(before) ? REDACTED : redactAt(item, depth + 1, above);
  });
}

function redactEntries(
  entries: Iterable<[unknown, unknown]>,
  depth: number,
  above: Set<object>,
): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const [name, value] of entries) {
    const key = String(name);
    copy[key] =
      isSecretName(key) && value !== undefined && value !== null ? REDACTED : redactAt(value, depth + 1, above);
  }
  return copy;
}

function redactError(error: Error, depth: number, above: Set<object>): Record<string, unknown> {
  const facts: Record<string, unknown> = { type: error.name, message: redactText(error.message) };
  if (error.stack !== undefined) facts.stack = redactText(error.stack);
  for (const [name, value] of Object.entries(error)) {
    if (!(name in facts)) facts[name] = isSecretName(name) ? REDACTED : redactAt(value, depth + 1, above);
  }
  if (error.cause !== undefined) facts.cause = redactAt(error.cause, depth + 1, above);
  return facts;
}
