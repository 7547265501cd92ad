// Values found by every beginning, or every end, that a text has. A trie with its single ways drawn together, so that a search
// takes as long as what it finds and not as many as there are; each entry knows the longest other entry that begins itself.
import type { Slices } from "./slices.ts";

export interface AffixEntry<V> {
  readonly affix: string;
  readonly value: V;
  /** The longest other entry this one begins (or ends) with. */
  readonly shorter: AffixEntry<V> | undefined;
}

interface Node<V> {
  /** How many characters of an affix have been read here. */
  readonly depth: number;
  /** The entry whose affix ends here, or else the longest above. */
  readonly longest: AffixEntry<V> | undefined;
  /** By the next character, and the affix by which the way there is compared; undefined where there is none. */
  readonly next: ReadonlyMap<number, Node<V>> | undefined;
  /** An affix below: all there share their first `depth` characters with it. */
  readonly sample: string;
}

export interface AffixTable<V> {
  readonly side: "prefix" | "suffix";
  readonly root: Node<V> | undefined;
}

export function* buildAffixTable<V>(side: "prefix" | "suffix", values: ReadonlyMap<string, V>): Slices<AffixTable<V>> {
  const fromEnd = side === "suffix";
  const sorted = [...values.keys()].sort((a, b) => compare(a, b, fromEnd));
  yield;
  const root = sorted.length === 0 ? undefined : yield* buildNode(sorted, 0, sorted.length, 0, undefined);
  return Object.freeze({ side, root });

  /** A node for the affixes from `low` to `high`, which share their first `depth` characters. */
  function* buildNode(
    affixes: readonly string[],
    low: number,
    high: number,
    depth: number,
    above: AffixEntry<V> | undefined,
  ): Slices<Node<V>> {
    yield;
    const first = affixes[low] as string;
    // What ends here sorts first.
    const ends = first.length === depth;
    const longest: AffixEntry<V> | undefined = ends
      ? Object.freeze({ affix: first, value: values.get(first) as V, shorter: above })
      : above;
    const next = new Map<number, Node<V>>();
    for (let from = ends ? low + 1 : low; from < high; ) {
      const head = affixes[from] as string;
      const code = codeAt(head, depth, fromEnd);
      let to = from + 1;
      while (to < high && codeAt(affixes[to] as string, depth, fromEnd) === code) to++;
      // Sorted, so what the first and the last have in common all have.
      const common = commonLength(head, affixes[to - 1] as string, depth + 1, fromEnd);
      next.set(code, yield* buildNode(affixes, from, to, common, longest));
      from = to;
    }
    return Object.freeze({ depth, longest, next: next.size === 0 ? undefined : next, sample: first });
  }
}

/** The longest entry the text begins (or ends) with; its `shorter` ones in turn are all the others. Allocates nothing. */
export function longestAffix<V>({ side, root }: AffixTable<V>, text: string): AffixEntry<V> | undefined {
  if (root === undefined) return undefined;
  const fromEnd = side === "suffix";
  let node = root;
  let longest = node.longest;
  while (node.next !== undefined && node.depth < text.length) {
    const below = node.next.get(codeAt(text, node.depth, fromEnd));
    if (below === undefined || below.depth > text.length) return longest;
    for (let at = node.depth + 1; at < below.depth; at++)
      if (codeAt(text, at, fromEnd) !== codeAt(below.sample, at, fromEnd)) return longest;
    node = below;
    longest = node.longest;
  }
  return longest;
}

function codeAt(text: string, at: number, fromEnd: boolean): number {
  return text.charCodeAt(fromEnd ? text.length - 1 - at : at);
}

function commonLength(a: string, b: string, from: number, fromEnd: boolean): number {
  const most = Math.min(a.length, b.length);
  let length = from;
  while (length < most && codeAt(a, length, fromEnd) === codeAt(b, length, fromEnd)) length++;
  return length;
}

/** By code unit, from the front or from the end. */
function compare(a: string, b: string, fromEnd: boolean): number {
  if (!fromEnd) return a === b ? 0 : a < b ? -1 : 1;
  const shorter = Math.min(a.length, b.length);
  for (let i = 1; i <= shorter; i++) {
    const difference = a.charCodeAt(a.length - i) - b.charCodeAt(b.length - i);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
