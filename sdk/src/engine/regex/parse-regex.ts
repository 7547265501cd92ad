// The syntax of RE2 that headers need, as a tree. What cannot be matched in linear time is refused by name.
import {
  BLANKS,
  type CharSet,
  charSet,
  complement,
  DIGITS,
  foldCase,
  MAX_CODE_POINT,
  NOT_LINE_FEED,
  WORD,
} from "./char-set.ts";

export type RegexNode =
  | { readonly kind: "set"; readonly set: CharSet }
  | { readonly kind: "sequence"; readonly parts: readonly RegexNode[] }
  | { readonly kind: "either"; readonly options: readonly RegexNode[] }
  | { readonly kind: "repeat"; readonly part: RegexNode; readonly min: number; readonly max: number };

/** Longest source, in characters. */
export const MAX_SOURCE_LENGTH = 1_024;
/** Largest number in `{n,m}` (RE2). */
export const MAX_REPEAT = 1_000;
const MAX_DEPTH = 100;

/** Why a regex is refused; says what to do. Thrown inside this folder only. */
export class RegexRefusal extends Error {}

export function parseRegex(source: string): RegexNode {
  if (source.length > MAX_SOURCE_LENGTH) throw new RegexRefusal(`is longer than ${MAX_SOURCE_LENGTH} characters`);
  return new Parser(source).parse();
}

const CLASS_ESCAPES: Readonly<Record<string, CharSet>> = {
  d: DIGITS,
  w: WORD,
  s: BLANKS,
  D: complement(DIGITS),
  W: complement(WORD),
  S: complement(BLANKS),
};
const CONTROL_ESCAPES: Readonly<Record<string, number>> = { t: 0x09, n: 0x0a, v: 0x0b, f: 0x0c, r: 0x0d, a: 0x07 };

/** Recursive descent over code points. */
class Parser {
  readonly #chars: readonly string[];
  readonly #fold: boolean;
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#fold = source.startsWith("(?i)");
    this.#chars = [...(this.#fold ? source.slice(4) : source)];
  }

  parse(): RegexNode {
    const node = this.#either();
    if (this.#at < this.#chars.length) throw this.#refusal("has a ) without its (");
    return node;
  }

  #either(): RegexNode {
    const options = [this.#sequence()];
    while (this.#take("|")) options.push(this.#sequence());
    return options.length === 1 ? (options[0] as RegexNode) : { kind: "either", options };
  }

  #sequence(): RegexNode {
    const parts: RegexNode[] = [];
    // The whole value is matched anyway, so anchors at the ends of an outermost alternative say nothing new.
    if (this.#depth === 0) this.#take("^");
    for (;;) {
      const char = this.#chars[this.#at];
      if (char === undefined || char === "|" || char === ")") break;
      if (char === "$" && this.#depth === 0 && this.#endsAt(this.#at + 1)) {
        this.#at++;
        break;
      }
      parts.push(this.#repeated());
    }
    return { kind: "sequence", parts };
  }

  #endsAt(at: number): boolean {
    const next = this.#chars[at];
    return next === undefined || next === "|";
  }

  #repeated(): RegexNode {
    let part = this.#atom();
    const bounds = this.#quantifier();
    if (bounds === undefined) return part;
    part = { kind: "repeat", part, min: bounds[0], max: bounds[1] };
    // Lazy or greedy makes no difference to whether the whole matches.
    this.#take("?");
    if (this.#quantifier() !== undefined) throw this.#refusal("repeats a repetition: group it with (?: )");
    return part;
  }

  #quantifier(): readonly [number, number] | undefined {
    if (this.#take("*")) return [0, Number.POSITIVE_INFINITY];
    if (this.#take("+")) return [1, Number.POSITIVE_INFINITY];
    if (this.#take("?")) return [0, 1];
    if (this.#chars[this.#at] !== "{") return undefined;
    const match = /^\{(\d{1,9})(,(\d{0,9}))?\}/.exec(this.#chars.slice(this.#at, this.#at + 24).join(""));
    if (match === null) throw this.#refusal("has a { that begins no {n}, {n,} or {n,m}: write \\{ for the character");
    this.#at += match[0].length;
    const min = Number(match[1]);
    const max = match[2] === undefined ? min : match[3] === "" ? Number.POSITIVE_INFINITY : Number(match[3]);
    if (max < min || min > MAX_REPEAT || (max > MAX_REPEAT && Number.isFinite(max))) {
      throw this.#refusal(`repeats ${match[0]}: bounds rise and are at most ${MAX_REPEAT}`);
    }
    return [min, max];
  }

  #atom(): RegexNode {
    const char = this.#chars[this.#at++] as string;
    switch (char) {
      case "(":
        return this.#group();
      case "[":
        return this.#set(this.#class());
      case ".":
        return { kind: "set", set: NOT_LINE_FEED };
      case "\\":
        return this.#escape();
      case "^":
      case "$":
        throw this.#refusal(
          `has a ${char} inside: the whole value is matched always, write \\${char} for the character`,
        );
      case "*":
      case "+":
      case "?":
      case "{":
        throw this.#refusal(`has a ${char} with nothing before it to repeat: write \\${char} for the character`);
      default:
        return this.#literal(char.codePointAt(0) as number);
    }
  }

  #group(): RegexNode {
    if (this.#take("?")) this.#groupKind();
    if (++this.#depth > MAX_DEPTH) throw this.#refusal(`nests groups deeper than ${MAX_DEPTH}`);
    const node = this.#either();
    this.#depth--;
    if (!this.#take(")")) throw this.#refusal("has a ( without its )");
    return node;
  }

  /** After `(?`: a group without a number, or with a name that matters to nobody. */
  #groupKind(): void {
    if (this.#take(":")) return;
    const rest = this.#chars.slice(this.#at, this.#at + 64).join("");
    const name = /^P?<[A-Za-z_][A-Za-z0-9_]*>/.exec(rest);
    if (name !== null) {
      this.#at += name[0].length;
      return;
    }
    if (/^(<?[=!])/.test(rest))
      throw this.#refusal("looks around, which cannot be matched in linear time: use several conditions instead");
    throw this.#refusal(
      "has a group that begins with (? in a way that is not known: (?: ), (?P<name> ), and (?i) at the very beginning are",
    );
  }

  #escape(): RegexNode {
    const char = this.#chars[this.#at];
    if (char !== undefined && /[1-9]/.test(char))
      throw this.#refusal("refers back to a group, which cannot be matched in linear time");
    if (char !== undefined && /[bBAzZ]/.test(char))
      throw this.#refusal(`has \\${char}: boundaries are not known, the whole value is matched always`);
    const set = char === undefined ? undefined : CLASS_ESCAPES[char];
    if (set !== undefined) {
      this.#at++;
      return this.#set(set);
    }
    return this.#literal(this.#escapedCodePoint());
  }

  /** After a backslash: one character. */
  #escapedCodePoint(): number {
    const char = this.#chars[this.#at++];
    if (char === undefined) throw this.#refusal("ends with a backslash");
    if (char === "x") return this.#hex();
    const control = CONTROL_ESCAPES[char];
    if (control !== undefined) return control;
    if (/[A-Za-z0-9]/.test(char)) throw this.#refusal(`has \\${char}, which means nothing here`);
    return char.codePointAt(0) as number;
  }

  #hex(): number {
    const match = /^(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})/.exec(
      this.#chars.slice(this.#at, this.#at + 8).join(""),
    );
    const value = match === null ? Number.NaN : Number.parseInt(match[1] ?? (match[2] as string), 16);
    if (match === null || !(value <= MAX_CODE_POINT))
      throw this.#refusal("has \\x without two digits or {digits} behind it");
    this.#at += match[0].length;
    return value;
  }

  /** After `[`. */
  #class(): CharSet {
    const negated = this.#take("^");
    const ranges: number[] = [];
    let first = true;
    for (;;) {
      const char = this.#chars[this.#at];
      if (char === undefined) throw this.#refusal("has a [ without its ]");
      if (char === "]" && !first) break;
      first = false;
      this.#classItem(ranges);
    }
    this.#at++;
    const set = this.#fold ? foldCase(charSet(ranges)) : charSet(ranges);
    return negated ? complement(set) : set;
  }

  #classItem(ranges: number[]): void {
    if (this.#chars[this.#at] === "[" && this.#chars[this.#at + 1] === ":")
      throw this.#refusal("has a class like [:alpha:]: write a-zA-Z");
    const escaped = this.#chars[this.#at] === "\\" ? CLASS_ESCAPES[this.#chars[this.#at + 1] ?? ""] : undefined;
    if (escaped !== undefined) {
      this.#at += 2;
      ranges.push(...escaped);
      return;
    }
    const from = this.#classCodePoint();
    const rangeFollows =
      this.#chars[this.#at] === "-" && this.#chars[this.#at + 1] !== "]" && this.#chars[this.#at + 1] !== undefined;
    if (!rangeFollows) {
      ranges.push(from, from);
      return;
    }
    this.#at++;
    const to = this.#classCodePoint();
    if (to < from) throw this.#refusal("has a range whose end is before its beginning");
    ranges.push(from, to);
  }

  #classCodePoint(): number {
    const char = this.#chars[this.#at++] as string;
    return char === "\\" ? this.#escapedCodePoint() : (char.codePointAt(0) as number);
  }

  #literal(codePoint: number): RegexNode {
    return this.#set([codePoint, codePoint], true);
  }

  #set(set: CharSet, fold = false): RegexNode {
    return { kind: "set", set: fold && this.#fold ? foldCase(set) : set };
  }

  #take(char: string): boolean {
    if (this.#chars[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #refusal(message: string): RegexRefusal {
    return new RegexRefusal(message);
  }
}
