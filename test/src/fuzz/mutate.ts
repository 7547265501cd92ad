// Makes inputs of other inputs: bytes changed, cut, doubled, spliced, words of the language put in, and now and then blown
// up to the most a target reads, so that what takes quadratic time shows.
import type { Input, Random } from "./target.ts";

const EVERY_BYTE = 256;
/** Bytes at which decoders change their mind. */
const TURNING_BYTES = [0, 1, 9, 10, 13, 32, 34, 45, 46, 58, 61, 127, 128, 0xbf, 0xc0, 0xed, 0xf4, 0xfe, 0xff];
/** Numbers at which they do. */
const TURNING_NUMBERS = [
  "0",
  "1",
  "-1",
  "00",
  "255",
  "256",
  "65536",
  "2147483648",
  "4294967296",
  "1e309",
  "NaN",
  "0x10",
];
/** Text that looks like less or more than it is: zero-width, right-to-left, BOM, line separators, astral, combining. */
const ODD_TEXT = [
  "\u200b",
  "\u202e",
  "\ufeff",
  "\u2028",
  "\u{1f600}",
  "\u0301",
  "\u00a0",
  "\u0130",
  "__proto__",
  "constructor",
];
/** One input in so many is blown up: long ones cost a thousand times more than others. */
const INFLATE_ONE_IN = 200;
/** What every language puts between things; repeated, it is what naive scanners begin anew at. */
const FILLERS = [" ", "\t", "\n", "-", "0", "a", ",", "[", "{", '"', "\\", "\xff"].map((text) =>
  Buffer.from(text, "latin1"),
);
const MAX_STEPS = 6;

type Step = (bytes: Uint8Array, mutator: Mutator) => Uint8Array;

export class Mutator {
  readonly random: Random;
  readonly words: readonly Uint8Array[];
  readonly #maxBytes: number;
  #others: Uint8Array[] = [];

  constructor(random: Random, words: readonly string[], maxBytes: number) {
    this.random = random;
    this.words = [...words, ...TURNING_NUMBERS, ...ODD_TEXT].map((word) => Buffer.from(word, "utf8"));
    this.#maxBytes = maxBytes;
  }

  /** A number from 0 to `below` - 1. */
  below(below: number): number {
    return Math.floor(this.random() * below);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  /** A changed copy; the input and the pool stay as they are. */
  mutate(input: Input, pool: readonly Input[]): Input {
    const at = this.below(input.length);
    this.#others = pool.length === 0 ? [] : [...(this.pick(pool) ?? [])];
    const changed = [...input];
    const steps = 1 + this.below(MAX_STEPS) * this.below(2);
    for (let step = 0; step < steps; step++) {
      // Mostly the same part: damage that adds up reaches deeper than damage everywhere.
      const part = this.below(4) === 0 ? this.below(input.length) : at;
      changed[part] = this.#bounded(this.pick(STEPS)(changed[part] ?? EMPTY, this));
    }
    if (this.below(INFLATE_ONE_IN) === 0) changed[at] = this.#inflate(changed[at] ?? EMPTY);
    return changed;
  }

  /** Some part of another input, to splice in. */
  other(): Uint8Array {
    return this.#others.length === 0 ? EMPTY : this.pick(this.#others);
  }

  #bounded(bytes: Uint8Array): Uint8Array {
    return bytes.length <= this.#maxBytes ? bytes : bytes.subarray(0, this.#maxBytes);
  }

  /** Repeats a piece until the part is about as long as it may be. */
  #inflate(bytes: Uint8Array): Uint8Array {
    const [from, to] = range(bytes, this);
    const pieces = [bytes.subarray(from, to), this.pick(this.words), this.pick(FILLERS)];
    const piece = this.pick(pieces.filter(({ length }) => length > 0));
    const most = this.below(2) === 0 ? this.#maxBytes - this.below(256) : this.below(this.#maxBytes);
    const wanted = Math.max(0, most - bytes.length);
    const filling = Buffer.alloc(wanted, piece);
    return this.#bounded(Buffer.concat([bytes.subarray(0, to), filling, bytes.subarray(to)]));
  }
}

const EMPTY: Uint8Array = new Uint8Array(0);

/** Two offsets in order. Short ranges are likelier. */
function range(bytes: Uint8Array, mutator: Mutator): readonly [number, number] {
  const from = mutator.below(bytes.length + 1);
  const most = mutator.below(4) === 0 ? bytes.length - from : Math.min(8, bytes.length - from);
  return [from, from + mutator.below(most + 1)];
}

function put(bytes: Uint8Array, at: number, piece: Uint8Array, removed = 0): Uint8Array {
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + removed)]);
}

function withByte(bytes: Uint8Array, mutator: Mutator, change: (byte: number) => number): Uint8Array {
  if (bytes.length === 0) return bytes;
  const copy = Uint8Array.from(bytes);
  const at = mutator.below(copy.length);
  copy[at] = change(copy[at] as number);
  return copy;
}

const STEPS: readonly Step[] = [
  // A bit, a byte, a byte that matters, a neighbour.
  (bytes, mutator) => withByte(bytes, mutator, (byte) => byte ^ (1 << mutator.below(8))),
  (bytes, mutator) => withByte(bytes, mutator, () => mutator.below(EVERY_BYTE)),
  (bytes, mutator) => withByte(bytes, mutator, () => mutator.pick(TURNING_BYTES)),
  (bytes, mutator) => withByte(bytes, mutator, (byte) => byte + mutator.below(3) - 1),
  // Less.
  (bytes, mutator) => bytes.subarray(0, mutator.below(bytes.length + 1)),
  (bytes, mutator) => {
    const [from, to] = range(bytes, mutator);
    return put(bytes, from, EMPTY, to - from);
  },
  // More: a word in or over, random bytes, the same again, a piece of another input.
  (bytes, mutator) => put(bytes, mutator.below(bytes.length + 1), mutator.pick(mutator.words)),
  (bytes, mutator) => put(bytes, mutator.below(bytes.length + 1), mutator.pick(mutator.words)),
  (bytes, mutator) => {
    const word = mutator.pick(mutator.words);
    return put(bytes, mutator.below(bytes.length + 1), word, word.length);
  },
  (bytes, mutator) => {
    const piece = Uint8Array.from({ length: 1 + mutator.below(8) }, () => mutator.below(EVERY_BYTE));
    return put(bytes, mutator.below(bytes.length + 1), piece);
  },
  (bytes, mutator) => {
    const [from, to] = range(bytes, mutator);
    const times = 1 + mutator.below(mutator.below(8) === 0 ? 64 : 3);
    const piece = bytes.subarray(from, to);
    return put(bytes, to, Buffer.alloc(piece.length * times, piece));
  },
  (bytes, mutator) => {
    const other = mutator.other();
    const [from, to] = range(other, mutator);
    return put(bytes, mutator.below(bytes.length + 1), other.subarray(from, to));
  },
  (bytes, mutator) => {
    const other = mutator.other();
    return Buffer.concat([
      bytes.subarray(0, mutator.below(bytes.length + 1)),
      other.subarray(mutator.below(other.length + 1)),
    ]);
  },
  // Two pieces change places.
  (bytes, mutator) => {
    const [from, to] = range(bytes, mutator);
    const rest = put(bytes, from, EMPTY, to - from);
    return put(rest, mutator.below(rest.length + 1), bytes.subarray(from, to));
  },
  // A number becomes another one.
  (bytes, mutator) => {
    const text = Buffer.from(bytes).toString("latin1");
    const numbers = [...text.matchAll(/\d+/g)];
    const found = numbers.length === 0 ? undefined : mutator.pick(numbers);
    return found === undefined
      ? bytes
      : put(bytes, found.index, Buffer.from(mutator.pick(TURNING_NUMBERS)), found[0].length);
  },
];
