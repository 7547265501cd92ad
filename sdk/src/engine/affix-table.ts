// Values found by every beginning, or every end, that a text has. Sorted, so that one binary search finds them all: what
// begins a text sorts right before it, and each entry knows the longest other entry that begins itself.

export interface AffixEntry<V> {
  readonly affix: string;
  readonly value: V;
  /** The longest other entry this one begins (or ends) with. */
  readonly shorter: AffixEntry<V> | undefined;
}

export interface AffixTable<V> {
  readonly side: "prefix" | "suffix";
  readonly sorted: readonly AffixEntry<V>[];
}

export function buildAffixTable<V>(side: "prefix" | "suffix", values: ReadonlyMap<string, V>): AffixTable<V> {
  const fromEnd = side === "suffix";
  const texts = [...values.keys()].sort((a, b) => compare(a, b, fromEnd));
  const sorted: AffixEntry<V>[] = [];
  let last: AffixEntry<V> | undefined;
  for (const affix of texts) {
    let shorter = last;
    while (shorter !== undefined && !isAffix(shorter.affix, affix, fromEnd)) shorter = shorter.shorter;
    last = Object.freeze({ affix, value: values.get(affix) as V, shorter });
    sorted.push(last);
  }
  return Object.freeze({ side, sorted: Object.freeze(sorted) });
}

/** The longest entry the text begins (or ends) with; its `shorter` ones in turn are all the others. Allocates nothing. */
export function longestAffix<V>({ side, sorted }: AffixTable<V>, text: string): AffixEntry<V> | undefined {
  if (sorted.length === 0) return undefined;
  const fromEnd = side === "suffix";
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare((sorted[middle] as AffixEntry<V>).affix, text, fromEnd) <= 0) low = middle + 1;
    else high = middle;
  }
  let entry = sorted[low - 1];
  while (entry !== undefined && !isAffix(entry.affix, text, fromEnd)) entry = entry.shorter;
  return entry;
}

function isAffix(affix: string, text: string, fromEnd: boolean): boolean {
  return fromEnd ? text.endsWith(affix) : text.startsWith(affix);
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
