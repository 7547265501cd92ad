// What can be fuzzed: one decoder or one running part of the mesh, what it is fed with, and what must hold for every input.

/** One input: the bytes of each part, as `[block]`, or `[subject, reply, headers, payload]`. */
export type Input = readonly Uint8Array[];

/** In [0, 1), the same for the same seed. */
export type Random = () => number;

/** A target that runs. */
export interface RunningTarget {
  /**
   * Feeds one input and returns its shape: `ok…` for what was accepted, anything else for what was refused. Inputs with a
   * shape not met before are kept and mutated further. Throws if a promise was broken; the message says which.
   */
  readonly run: (input: Input) => string | Promise<string>;
  /** After the last input: what must hold at the end. Throws if it does not. */
  readonly finish?: () => void | Promise<void>;
  readonly close?: () => void | Promise<void>;
}

export interface FuzzTarget {
  readonly name: string;
  /** Valid inputs, of which the others are made. */
  readonly seeds: readonly Input[];
  /** Pieces of the language that chance alone would not find. */
  readonly words: readonly string[];
  /** Gives what makes inputs from scratch; one in three is made so. */
  readonly generator?: () => (random: Random) => Input;
  /** No part becomes longer, in bytes: just more than the target reads. */
  readonly maxBytes: number;
  /** How many inputs belong to the tests' slice. */
  readonly shortInputs: number;
  /** Most CPU time for one input, in ms. Default 1,000: a decoder that needs more has lost its bound. */
  readonly boundMs?: number;
  /** Most the heap may have grown when all inputs have passed, in bytes. Default 64 MiB. */
  readonly heapBytes?: number;
  readonly open: () => RunningTarget | Promise<RunningTarget>;
}

/** Throws unless it holds. Cheaper than an assertion library where it runs ten times for each of a million inputs. */
export function must(holds: boolean, what: string | (() => string)): asserts holds {
  if (!holds) throw new Error(typeof what === "string" ? what : what());
}

/** Bytes as a protocol's text: what is no UTF-8 becomes U+FFFD, as in every client. */
export function textOf(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? "" : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

/** One part of text, as inputs have it. */
export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, "utf8");
}
