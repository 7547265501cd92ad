// What people write on the command line for documents: a kind in any of its words, and names.

import type { Kind } from "@malla/sdk/contract";
import { isKind, nearestKindWord, resolveKinds } from "@malla/sdk/resources";
import { misuse } from "../failure.ts";

/** The kinds a word stands for; misuse with a guess if it stands for none. */
export function kindsOf(word: string): readonly Kind[] {
  const kinds = resolveKinds(word);
  if (kinds !== undefined) return kinds;
  const guess = nearestKindWord(word);
  throw misuse(`there is no kind ${word}${guess === undefined ? "" : `; did you mean ${guess}?`}`);
}

/** `route a b` or `Route/a` as `Route/a`, `Route/b`. */
export function namesOf(kind: string | undefined, names: readonly string[]): string[] {
  if (kind === undefined) throw misuse("a kind and a name are expected, as: route catalog-canary; or -f FILE");
  const [before, after] = kind.split("/");
  if (after !== undefined && isKind(before)) return [kind, ...names];
  const kinds = kindsOf(kind);
  if (kinds.length !== 1) throw misuse(`${kind} stands for several kinds; say which`);
  if (names.length === 0) throw misuse(`${kind}: the name of a document is expected`);
  return names.map((name) => `${kinds[0]}/${name}`);
}
