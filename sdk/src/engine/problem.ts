// What compiling found wrong: said with document and path, never thrown.

/** `error`: what it names is left out, or closed if it guards access. `warning`: it holds, but hardly as it was meant. */
export type Severity = "error" | "warning";

export interface Problem {
  readonly severity: Severity;
  /** Kind and name: `Route/catalog-canary`. */
  readonly document: string;
  /** Where in the document: `spec.match.headers.x-beta.regex`. */
  readonly path: string;
  /** What is wrong and what to write instead. */
  readonly message: string;
}

/** Collects the problems of one document. */
export class Findings {
  readonly #document: string;
  readonly #problems: Problem[];
  #errors = 0;

  constructor(document: string, problems: Problem[]) {
    this.#document = document;
    this.#problems = problems;
  }

  get hasErrors(): boolean {
    return this.#errors > 0;
  }

  error(path: string, message: string): void {
    this.#errors++;
    this.#problems.push({ severity: "error", document: this.#document, path, message });
  }

  warning(path: string, message: string): void {
    this.#problems.push({ severity: "warning", document: this.#document, path, message });
  }
}

/**
 * A condition that is overlooked makes a rule wider than it was written: by a newer version, which knows more, or by
 * hand. So what stands among conditions is an object, and has no field but the known ones.
 */
export function refuseUnknown(conditions: object, known: ReadonlySet<string>, path: string, findings: Findings): void {
  if (typeof conditions !== "object" || conditions === null || Array.isArray(conditions)) {
    findings.error(path, "is an object of conditions");
    return;
  }
  for (const name of Object.keys(conditions)) {
    if (!known.has(name)) findings.error(`${path}.${name}`, "is no condition that this version knows");
  }
}
