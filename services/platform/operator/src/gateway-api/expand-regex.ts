// A regular expression over a method or a path, written out as patterns with `*`: what a Route of the mesh can hold. Only
// expressions that mean exactly such patterns are taken; for all others it is said why.

/** Most patterns one expression is written out to; as many methods fit into a Route. */
const MAX_PATTERNS = 256;
const MAX_LENGTH = 1024;
const MAX_DEPTH = 32;
/** Stands for one character or more, until it is known whether that is all of a method. No name holds it. */
export const SOME = "\uE000";
const WORD = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
const DIGITS = "0123456789";

/** An expression the mesh has no patterns for; the message ends a sentence that begins with the expression. */
class NoPattern extends Error {}

/** What stands between two operators: the patterns it may be, or any single character. */
type Atom = readonly string[] | "any";

/** The patterns that together match what the expression matches as a whole, or why there are none. */
export function expandRegex(source: string): readonly string[] | string {
  if (source.length > MAX_LENGTH) return `has more than ${MAX_LENGTH} characters`;
  try {
    return new Expansion(source.replace(/^\^/, "").replace(/(?<!\\)\$$/, "")).whole();
  } catch (error) {
    if (error instanceof NoPattern) return error.message;
    throw error;
  }
}

/** Recursive descent over alternatives, sequences and atoms. */
class Expansion {
  readonly #source: string;
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
  }

  whole(): readonly string[] {
    const found = this.#alternatives();
    if (this.#at < this.#source.length) throw new NoPattern(`has a ${this.#source[this.#at]} that nothing opens`);
    return [...new Set(found)];
  }

  #alternatives(): readonly string[] {
    if (++this.#depth > MAX_DEPTH) throw new NoPattern("has groups in groups too deep");
    const found = [...this.#sequence()];
    while (this.#source[this.#at] === "|") {
      this.#at++;
      found.push(...this.#sequence());
      bound(found.length);
    }
    this.#depth--;
    return found;
  }

  #sequence(): readonly string[] {
    let found: readonly string[] = [""];
    while (this.#at < this.#source.length && !"|)".includes(this.#source[this.#at] as string)) {
      const next = this.#repeated();
      bound(found.length * next.length);
      found = found.flatMap((before) => next.map((after) => before + after));
    }
    return found;
  }

  #repeated(): readonly string[] {
    const atom = this.#atom();
    const operator = this.#source[this.#at];
    if (operator === undefined || !"*+?{".includes(operator)) return one(atom);
    if (operator === "{") throw new NoPattern("counts repetitions, which patterns cannot");
    this.#at++;
    // Lazy or not, the whole text matches the same.
    if (this.#source[this.#at] === "?") this.#at++;
    if (operator === "?") return ["", ...one(atom)];
    if (atom !== "any") throw new NoPattern(`repeats something other than any character; only .${operator} can be`);
    return operator === "*" ? ["*"] : [SOME];
  }

  #atom(): Atom {
    const character = this.#source[this.#at++] as string;
    switch (character) {
      case "(":
        return this.#group();
      case "[":
        return this.#set();
      case ".":
        return "any";
      case "\\":
        return this.#escaped();
      case "*":
      case "+":
      case "?":
      case "{":
        throw new NoPattern(`has a ${character} with nothing before it`);
      case "^":
      case "$":
        throw new NoPattern("has an anchor in the middle; it is always matched as a whole");
      case SOME:
        throw new NoPattern("has a character that no method has");
      default:
        return [character];
    }
  }

  #group(): readonly string[] {
    if (this.#source[this.#at] === "?") {
      if (this.#source[this.#at + 1] !== ":") throw new NoPattern("has a group that begins with (?; only (?: is known");
      this.#at += 2;
    }
    const found = this.#alternatives();
    if (this.#source[this.#at] !== ")") throw new NoPattern("has a group that does not end");
    this.#at++;
    return found;
  }

  #escaped(): Atom {
    const character = this.#source[this.#at++];
    if (character === undefined) throw new NoPattern("ends in a backslash");
    if (character === "w") return "any";
    if (character === "d") return [...DIGITS];
    if (/[A-Za-z0-9]/.test(character)) throw new NoPattern(`has \\${character}, which patterns cannot say`);
    return [character];
  }

  #set(): Atom {
    const negated = this.#source[this.#at] === "^";
    if (negated) this.#at++;
    const members = new Set<string>();
    for (let first = true; first || this.#source[this.#at] !== "]"; first = false) this.#member(members);
    this.#at++;
    const covered = [...WORD].filter((character) => members.has(character) !== negated);
    // Of what a method is made of: all or little of it, else there would be a pattern for every character.
    if (covered.length === WORD.length) return "any";
    if (negated) throw new NoPattern("leaves out characters of methods, which patterns cannot");
    return [...members];
  }

  #member(members: Set<string>): void {
    const from = this.#source[this.#at++];
    if (from === undefined) throw new NoPattern("has a [ that does not end");
    if (from === "[" && this.#source[this.#at] === ":") throw new NoPattern("has a named set of characters");
    if (from === "\\") {
      const atom = this.#escaped();
      for (const character of atom === "any" ? WORD : atom) members.add(character);
      return;
    }
    const to = this.#source[this.#at + 1];
    if (this.#source[this.#at] !== "-" || to === undefined || to === "]") {
      members.add(from);
      return;
    }
    this.#at += 2;
    const [low, high] = [from.charCodeAt(0), to.charCodeAt(0)];
    if (high < low || high > 127) throw new NoPattern(`has a range ${from}-${to} that is none`);
    for (let code = low; code <= high; code++) members.add(String.fromCharCode(code));
  }
}

function one(atom: Atom): readonly string[] {
  if (atom === "any") throw new NoPattern("asks for exactly one of any character, which patterns cannot; .* can be");
  bound(atom.length);
  return atom;
}

function bound(count: number): void {
  if (count > MAX_PATTERNS) throw new NoPattern(`means more than ${MAX_PATTERNS} methods`);
}
