// TypeScript text with what is not code taken out, so that a rule can look for a word without meeting it in a comment.

/** Characters after which a slash begins a regular expression and does not divide. */
const BEFORE_REGEX = new Set(["", ..."(,=:[!&|?{};+-*%^~<>"]);
const WORD_BEFORE_REGEX = /\b(return|typeof|case|in|of|delete|void|throw|new|else|do|yield|await)$/;

/**
 * The text with comments, the insides of strings and templates, and regular expressions as blanks: every offset and line
 * stays where it was, quotes stay, and what stands in `${}` stays code.
 */
export function maskText(text: string): string {
  const mask = new Mask(text);
  mask.code(0, undefined);
  return mask.result;
}

class Mask {
  readonly #text: string;
  readonly #kept: string[];

  constructor(text: string) {
    this.#text = text;
    this.#kept = [...text].length === text.length ? [...text] : text.split("");
  }

  get result(): string {
    return this.#kept.join("");
  }

  /** From `at` to the bracket that closes `until`, or to the end. Gives the offset after it. */
  code(start: number, until: "}" | undefined): number {
    let at = start;
    let depth = 0;
    let last = "";
    while (at < this.#text.length) {
      const char = this.#text[at] as string;
      const two = this.#text.slice(at, at + 2);
      if (two === "//") at = this.#blank(at, this.#endOf("\n", at));
      else if (two === "/*") at = this.#blank(at, this.#endOf("*/", at + 2) + 2);
      else if (char === '"' || char === "'") at = this.#quoted(at, char);
      else if (char === "`") at = this.#template(at);
      else if (char === "/" && this.#startsRegex(at, last)) at = this.#regex(at);
      else {
        if (char === "{") depth++;
        if (char === "}" && until === "}" && depth-- === 0) return at + 1;
        if (char === "}" && until !== "}") depth--;
        if (/\S/.test(char)) last = char;
        at++;
        continue;
      }
      if (two !== "//" && two !== "/*") last = '"';
    }
    return at;
  }

  #startsRegex(at: number, last: string): boolean {
    if (BEFORE_REGEX.has(last)) return true;
    return WORD_BEFORE_REGEX.test(
      this.#kept
        .slice(Math.max(0, at - 16), at)
        .join("")
        .trimEnd(),
    );
  }

  #quoted(start: number, quote: string): number {
    let at = start + 1;
    while (at < this.#text.length && this.#text[at] !== quote) at += this.#text[at] === "\\" ? 2 : 1;
    this.#blank(start + 1, at);
    return at + 1;
  }

  #template(start: number): number {
    let at = start + 1;
    let from = at;
    while (at < this.#text.length && this.#text[at] !== "`") {
      if (this.#text.startsWith("${", at)) {
        this.#blank(from, at);
        at = this.code(at + 2, "}");
        from = at;
      } else at += this.#text[at] === "\\" ? 2 : 1;
    }
    this.#blank(from, at);
    return at + 1;
  }

  #regex(start: number): number {
    let at = start + 1;
    let isClass = false;
    while (at < this.#text.length && this.#text[at] !== "\n") {
      const char = this.#text[at];
      if (char === "/" && !isClass) break;
      if (char === "[") isClass = true;
      if (char === "]") isClass = false;
      at += char === "\\" ? 2 : 1;
    }
    return this.#blank(start + 1, at) + 1;
  }

  #endOf(end: string, from: number): number {
    const found = this.#text.indexOf(end, from);
    return found < 0 ? this.#text.length : found;
  }

  #blank(from: number, to: number): number {
    for (let at = from; at < Math.min(to, this.#kept.length); at++) {
      if (this.#kept[at] !== "\n") this.#kept[at] = " ";
    }
    return to;
  }
}
