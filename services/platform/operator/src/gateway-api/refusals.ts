// Reads the fields of one rule and collects what the mesh cannot do in it. The form of what is read is promised by nobody
// here (a newer standard, a CRD without a schema), so what is not understood is refused, and nothing throws.

export type Fields = Readonly<Record<string, unknown>>;

/** A map, or an empty one. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : NO_FIELDS;
}

/** A text that is not empty, or undefined. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

const NO_FIELDS: Fields = Object.freeze({});
const NO_ITEMS: readonly never[] = Object.freeze([]);

export class Refusals {
  /** `rules[0].matches[1].queryParams: …`, in the order they were found. */
  readonly messages: string[] = [];

  get isEmpty(): boolean {
    return this.messages.length === 0;
  }

  refuse(at: string, message: string): void {
    this.messages.push(`${at}: ${message}`);
  }

  /** A map with no field but the known ones: a condition that is overlooked would make a rule wider than it was written. */
  map(value: unknown, at: string, known: ReadonlySet<string>): Fields {
    if (value === undefined || value === null) return NO_FIELDS;
    if (typeof value !== "object" || Array.isArray(value)) {
      this.refuse(at, "must be a map");
      return NO_FIELDS;
    }
    for (const [name, held] of Object.entries(value)) {
      if (held !== null && held !== undefined && !known.has(name))
        this.refuse(`${at}.${name}`, "is not supported by the mesh");
    }
    return value as Fields;
  }

  list(value: unknown, at: string): readonly unknown[] {
    if (value === undefined || value === null) return NO_ITEMS;
    if (Array.isArray(value)) return value;
    this.refuse(at, "must be a list");
    return NO_ITEMS;
  }

  /** Undefined where it is absent, and, said so, where it is no text. */
  text(value: unknown, at: string): string | undefined {
    if (value === undefined || value === null) return undefined;
    if (typeof value === "string") return value;
    this.refuse(at, "must be a text");
    return undefined;
  }

  /** A whole number, within bounds. */
  count(value: unknown, at: string, min: number, max: number): number | undefined {
    if (value === undefined || value === null) return undefined;
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
    this.refuse(at, `must be a whole number from ${min} to ${max.toLocaleString("en")}, is ${brief(value)}`);
    return undefined;
  }
}

const MAX_SHOWN = 80;

/** A value as a message shows it. */
export function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
