// Sets of Unicode code points as sorted, disjoint ranges: [from, to, from, to, ...], both ends inclusive.

export type CharSet = readonly number[];

export const MAX_CODE_POINT = 0x10ffff;

/** Any ranges, in any order and overlapping, to a set. */
export function charSet(ranges: readonly number[]): CharSet {
  const pairs: [number, number][] = [];
  for (let i = 0; i < ranges.length; i += 2) pairs.push([ranges[i] as number, ranges[i + 1] as number]);
  pairs.sort((a, b) => a[0] - b[0]);
  const merged: number[] = [];
  for (const [from, to] of pairs) {
    const last = merged[merged.length - 1];
    if (last !== undefined && from <= last + 1) merged[merged.length - 1] = Math.max(last, to);
    else merged.push(from, to);
  }
  return merged;
}

export function complement(set: CharSet): CharSet {
  const rest: number[] = [];
  let next = 0;
  for (let i = 0; i < set.length; i += 2) {
    const from = set[i] as number;
    if (from > next) rest.push(next, from - 1);
    next = (set[i + 1] as number) + 1;
  }
  if (next <= MAX_CODE_POINT) rest.push(next, MAX_CODE_POINT);
  return rest;
}

const CASE_OFFSET = 0x20;

/** With both cases of every ASCII letter in it. */
export function foldCase(set: CharSet): CharSet {
  const folded = [...set];
  for (let i = 0; i < set.length; i += 2) {
    const from = set[i] as number;
    const to = set[i + 1] as number;
    addOverlap(folded, from, to, 0x41, 0x5a, CASE_OFFSET);
    addOverlap(folded, from, to, 0x61, 0x7a, -CASE_OFFSET);
  }
  return charSet(folded);
}

function addOverlap(ranges: number[], from: number, to: number, first: number, last: number, offset: number): void {
  const start = Math.max(from, first);
  const end = Math.min(to, last);
  if (start <= end) ranges.push(start + offset, end + offset);
}

export const DIGITS: CharSet = [0x30, 0x39];
export const WORD: CharSet = [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a];
/** Tab, line feed, form feed, carriage return, space: RE2's `\s`. */
export const BLANKS: CharSet = [0x09, 0x0a, 0x0c, 0x0d, 0x20, 0x20];
export const NOT_LINE_FEED: CharSet = complement([0x0a, 0x0a]);
