// Regular expressions over header values, matched whole and in linear time: a header comes from anybody, and a backtracking
// matcher can be held up by it for minutes.
//
// The tree becomes a nondeterministic automaton (Thompson, 1968), which is run as a deterministic one whose states are made
// when they are first met (as RE2 does). Those are kept up to a bound; beyond it they are dropped and made again, so that
// memory is bounded too, and the worst input costs its length times the size of the expression.
import { type CharSet, MAX_CODE_POINT } from "./char-set.ts";
import { parseRegex, type RegexNode, RegexRefusal } from "./parse-regex.ts";

export interface LinearRegex {
  readonly source: string;
  /** What every text that matches begins with; perhaps nothing. */
  readonly prefix: string;
  /** Whether the whole text matches. */
  matches(text: string): boolean;
}

/** Most states of the nondeterministic automaton: `{n,m}` is written out. */
const MAX_STATES = 1_000;
/** Most transitions that are kept, over all deterministic states. */
const MAX_KEPT_TRANSITIONS = 32_768;
/** Most nodes visited while writing out. */
const MAX_WORK = 20 * MAX_STATES;
const MAX_ROUND = 0xffff_ffff;
const ASCII = 128;

/** The compiled expression, or why it is refused, as a sentence that says what to do. */
export function compileRegex(source: string): LinearRegex | string {
  try {
    const tree = parseRegex(source);
    const automaton = assemble(tree);
    let matcher: Matcher | undefined;
    const matches = (text: string): boolean => {
      // Most expressions of a large policy are never asked.
      matcher ??= new Matcher(automaton);
      return matcher.matches(text);
    };
    return Object.freeze({ source, prefix: prefixOf(tree).text, matches });
  } catch (thrown) {
    if (thrown instanceof RegexRefusal) return `the expression ${thrown.message}`;
    throw thrown;
  }
}

/** The characters a node begins with for certain; `whole` if it is those and nothing else. */
function prefixOf(node: RegexNode): { readonly text: string; readonly whole: boolean } {
  if (node.kind === "set") {
    const [from, to] = node.set;
    const single = node.set.length === 2 && from === to;
    return single ? { text: String.fromCodePoint(from as number), whole: true } : { text: "", whole: false };
  }
  if (node.kind !== "sequence") return { text: "", whole: false };
  let text = "";
  for (const part of node.parts) {
    const begins = prefixOf(part);
    text += begins.text;
    if (!begins.whole) return { text, whole: false };
  }
  return { text, whole: true };
}

/** State `i` either reads a character of `sets[i]` and goes on to `next[i]`, or goes to `next[i]` and `other[i]` without. */
interface Automaton {
  readonly sets: readonly (CharSet | undefined)[];
  readonly next: readonly number[];
  readonly other: readonly number[];
  readonly start: number;
}

/** The state that accepts. */
const ACCEPT = 0;
const NOWHERE = -1;

class Assembler {
  readonly sets: (CharSet | undefined)[] = [undefined];
  readonly next: number[] = [NOWHERE];
  readonly other: number[] = [NOWHERE];
  #work = 0;

  add(set: CharSet | undefined, next: number, other: number): number {
    if (this.sets.length >= MAX_STATES) throw tooLarge();
    this.sets.push(set);
    this.next.push(next);
    this.other.push(other);
    return this.sets.length - 1;
  }

  /** States for a node that go on to `then`; returns where they begin. Built from the end, so that every target is known. */
  node(node: RegexNode, then: number): number {
    // Repetitions of nothing make no states, but they make work.
    if (++this.#work > MAX_WORK) throw tooLarge();
    switch (node.kind) {
      case "set":
        return this.add(node.set, then, NOWHERE);
      case "sequence":
        return node.parts.reduceRight((after, part) => this.node(part, after), then);
      case "either":
        return node.options
          .map((option) => this.node(option, then))
          .reduceRight((other, option) => this.add(undefined, option, other));
      case "repeat":
        return this.#repeat(node.part, node.min, node.max, then);
    }
  }

  #repeat(part: RegexNode, min: number, max: number, then: number): number {
    let begin = then;
    if (max === Number.POSITIVE_INFINITY) {
      // The loop's fork is made before its body, which leads back to it.
      begin = this.add(undefined, NOWHERE, then);
      this.next[begin] = this.node(part, begin);
    } else {
      for (let i = min; i < max; i++) begin = this.add(undefined, this.node(part, begin), then);
    }
    for (let i = 0; i < min; i++) begin = this.node(part, begin);
    return begin;
  }
}

function tooLarge(): RegexRefusal {
  return new RegexRefusal(`is too large: written out it has more than ${MAX_STATES} steps; use smaller repetitions`);
}

function assemble(tree: RegexNode): Automaton {
  const assembler = new Assembler();
  const start = assembler.node(tree, ACCEPT);
  return { sets: assembler.sets, next: assembler.next, other: assembler.other, start };
}

/** A deterministic state: the reading states it stands for, and where each class of characters leads. */
interface Kept {
  readonly members: readonly number[];
  readonly accepts: boolean;
  readonly next: (Kept | undefined)[];
}

class Matcher {
  readonly #automaton: Automaton;
  /** First code point of each class of characters that no set of the expression tells apart. */
  readonly #classStarts: readonly number[];
  readonly #asciiClass: Uint16Array;
  readonly #maxKept: number;
  readonly #kept = new Map<string, Kept>();
  readonly #marks: Uint32Array;
  #round = 0;
  #start: Kept;

  constructor(automaton: Automaton) {
    this.#automaton = automaton;
    this.#classStarts = classStartsOf(automaton.sets);
    this.#asciiClass = Uint16Array.from({ length: ASCII }, (_, code) => classAt(this.#classStarts, code));
    this.#maxKept = Math.max(16, Math.floor(MAX_KEPT_TRANSITIONS / this.#classStarts.length));
    this.#marks = new Uint32Array(automaton.sets.length);
    this.#start = this.#keep([automaton.start]);
  }

  matches(text: string): boolean {
    let state = this.#start;
    for (let i = 0; i < text.length; i++) {
      let code = text.charCodeAt(i);
      if (code >= 0xd800 && code < 0xdc00) {
        code = text.codePointAt(i) as number;
        if (code > 0xffff) i++;
      }
      const charClass = code < ASCII ? (this.#asciiClass[code] as number) : classAt(this.#classStarts, code);
      state = state.next[charClass] ?? this.#step(state, charClass);
      if (state.members.length === 0) return false;
    }
    return state.accepts;
  }

  #step(state: Kept, charClass: number): Kept {
    const { sets, next } = this.#automaton;
    const code = this.#classStarts[charClass] as number;
    const targets: number[] = [];
    for (const member of state.members) {
      const set = sets[member];
      if (set !== undefined && contains(set, code)) targets.push(next[member] as number);
    }
    const reached = this.#keep(targets);
    state.next[charClass] = reached;
    return reached;
  }

  /** The state that stands for these and all they lead to without reading. */
  #keep(from: readonly number[]): Kept {
    const members = this.#closure(from);
    const key = members.join(",");
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    const kept: Kept = { members, accepts: members[0] === ACCEPT, next: [] };
    if (this.#kept.size >= this.#maxKept) this.#forget();
    this.#kept.set(key, kept);
    return kept;
  }

  /** States still referred to by the match under way are collected with it. */
  #forget(): void {
    this.#kept.clear();
    this.#start = { ...this.#start, next: [] };
    this.#kept.set(this.#start.members.join(","), this.#start);
  }

  /** Sorted, so that equal sets have equal keys, and ACCEPT comes first. Forks are followed and left out. */
  #closure(from: readonly number[]): number[] {
    const { sets, next, other } = this.#automaton;
    const marks = this.#marks;
    if (this.#round === MAX_ROUND) {
      marks.fill(0);
      this.#round = 0;
    }
    const round = ++this.#round;
    const waiting = [...from];
    const members: number[] = [];
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      if (at === NOWHERE || marks[at] === round) continue;
      marks[at] = round;
      if (at === ACCEPT || sets[at] !== undefined) members.push(at);
      else waiting.push(next[at] as number, other[at] as number);
    }
    return members.sort((a, b) => a - b);
  }
}

function classStartsOf(sets: readonly (CharSet | undefined)[]): readonly number[] {
  const starts = new Set([0]);
  for (const set of sets) {
    if (set === undefined) continue;
    for (let i = 0; i < set.length; i += 2) {
      starts.add(set[i] as number);
      const behind = (set[i + 1] as number) + 1;
      if (behind <= MAX_CODE_POINT) starts.add(behind);
    }
  }
  return [...starts].sort((a, b) => a - b);
}

/** Index of the last start that is not behind the code point. */
function classAt(starts: readonly number[], code: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] as number) <= code) low = middle;
    else high = middle - 1;
  }
  return low;
}

function contains(set: CharSet, code: number): boolean {
  for (let i = 0; i < set.length; i += 2) {
    if (code < (set[i] as number)) return false;
    if (code <= (set[i + 1] as number)) return true;
  }
  return false;
}
