// What people write on the command line for documents: a kind in any of its words, and names.
import type { Kind } from "@malla/sdk/contract";
import { nearestKindWord, resolveKinds } from "@malla/sdk/resources";
import { misuse } from "../failure.ts";

/** The kinds a word stands for; misuse with a guess if it stands for none. */
export function kindsOf(word: string): readonly Kind[] {
  const kinds = resolveKinds(word);
  if (kinds !== undefined) return kinds;
  const guess = nearestKindWord(word);
  throw misuse(`there is no kind ${word}${guess === undefined ? "" : `; did you mean ${guess}?`}`);
}

/** `route a b`, or `route/a accesspolicy/b`, as `Route/a`, `Route/b`. */
export function namesOf(first: string | undefined, rest: readonly string[]): string[] {
  if (first === undefined) throw misuse("a kind and a name are expected, as: route catalog-canary; or -f FILE");
  if (first.includes("/")) return [first, ...rest].map(slashedName);
  if (rest.length === 0) throw misuse(`${first}: the name of a document is expected after its kind`);
  const kind = oneKind(first);
  return rest.map((name) => `${kind}/${name}`);
}

/** `routes`, `route a` or `route/a`: the kinds, and the name if there is one. */
export function choiceOf(kind: string, name: string | undefined): { kinds: readonly Kind[]; name: string | undefined } {
  if (!kind.includes("/")) return { kinds: kindsOf(kind), name };
  if (name !== undefined) throw misuse(`${kind} ${name}: one name is expected, as kind/name or after the kind`);
  const [kindOfIt, itsName] = slashedName(kind).split("/") as [Kind, string];
  return { kinds: [kindOfIt], name: itsName };
}

function slashedName(text: string): string {
  const [kind = "", name = "", ...more] = text.split("/");
  if (name === "" || more.length > 0) throw misuse(`${text}: kind/name is expected, as route/catalog-canary`);
  return `${oneKind(kind)}/${name}`;
}

function oneKind(word: string): Kind {
  const [kind, ...others] = kindsOf(word);
  if (kind === undefined || others.length > 0) throw misuse(`${word} stands for several kinds; say which`);
  return kind;
}
