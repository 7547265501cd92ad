// Values of the JSON kind, changed as values: what bytes alone would only turn into syntax errors.
import type { Random } from "./target.ts";

const TURNING_VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -0,
  -1,
  0.5,
  1e300,
  2 ** 31,
  2 ** 53,
  "",
  "*",
  ">",
  "a",
  "NaN",
  "Infinity",
  "9223372036854775808",
  "__proto__",
  "\u0000",
  "\ud800",
  "x".repeat(300),
  [],
  {},
  [[]],
  [null],
  { "": "" },
];

/** A copy with one to four places changed: replaced, removed, doubled, renamed, or grafted from elsewhere in it. */
export function mutateTree(value: unknown, random: Random, words: readonly unknown[] = []): unknown {
  const copy: { root: unknown } = { root: structuredClone(value) };
  const changes = 1 + Math.floor(random() * 4);
  for (let change = 0; change < changes; change++) changeOnePlace(copy, random, [...TURNING_VALUES, ...words]);
  return copy.root;
}

type Holder = Record<string, unknown>;

function changeOnePlace(copy: { root: unknown }, random: Random, values: readonly unknown[]): void {
  const places: { readonly holder: Holder; readonly key: string }[] = [];
  collect(copy as Holder, places);
  // The root itself has been taken away.
  if (places.length === 0) return;
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const { holder, key } = pick(places);
  const graft = pick(places);
  switch (Math.floor(random() * 6)) {
    case 0:
      delete holder[key];
      if (Array.isArray(holder)) holder.length = Math.max(0, holder.length - 1);
      return;
    case 1:
      setOwn(holder, key, structuredClone(graft.holder[graft.key]));
      return;
    case 2:
      if (Array.isArray(holder)) holder.push(structuredClone(holder[Number(key)]));
      else setOwn(holder, String(pick(values)), structuredClone(holder[key]));
      return;
    case 3: {
      const there = holder[key];
      if (typeof there === "string") setOwn(holder, key, there + String(pick(values)));
      else if (typeof there === "number") setOwn(holder, key, there * 1_000 - 1);
      else setOwn(holder, key, [there]);
      return;
    }
    default:
      setOwn(holder, key, structuredClone(pick(values)));
  }
}

/** An own property whatever its name: assigning `__proto__` would change the object itself. */
function setOwn(holder: Holder, key: string, value: unknown): void {
  Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true });
}

function collect(holder: Holder, places: { readonly holder: Holder; readonly key: string }[]): void {
  for (const key of Object.keys(holder)) {
    if (Array.isArray(holder) && !/^\d+$/.test(key)) continue;
    places.push({ holder, key });
    const value = holder[key];
    if (typeof value === "object" && value !== null && places.length < 2_000) collect(value as Holder, places);
  }
}
