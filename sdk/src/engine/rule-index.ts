// Finds the first rule by rank that matches a call, in a time that does not grow with the number of rules.
//
// A few rules are simply asked in turn. More are split: each rule goes under the one of its own conditions that the fewest
// others share (its method, its principals, or a header), and each bucket is split again by what is left. A call then looks
// only into the buckets its own method, principal and headers lead to. What no condition can tell apart stays a list:
// patterns with a star at both ends, absent headers, and regexes that may begin with anything.
import { type AffixTable, buildAffixTable, longestAffix } from "./affix-table.ts";
import type { CallFacts } from "./call-facts.ts";
import type { Glob, NameSet } from "./glob.ts";
import { type CompiledRule, ruleMatches } from "./rule.ts";
import type { Slices } from "./slices.ts";

/** Up to so many rules are asked in turn: a split costs more than it saves. */
const MAX_LINEAR = 6;
const METHOD = ":method";
const PRINCIPAL = ":principal";

type KeyKind = "exact" | "prefix" | "suffix" | "some";
interface Key {
  readonly kind: KeyKind;
  readonly text: string;
  /** Equal for equal keys of one dimension. */
  readonly id: string;
}

interface Dimension<T> {
  /** `:method`, `:principal`, or a header's name. */
  readonly name: string;
  readonly exact: ReadonlyMap<string, RuleIndex<T>>;
  readonly prefixes: AffixTable<RuleIndex<T>>;
  readonly suffixes: AffixTable<RuleIndex<T>>;
  /** Rules that need the header, whatever it says. */
  readonly some: RuleIndex<T> | undefined;
}

export interface RuleIndex<T> {
  readonly firstRank: number;
  /** In the order of rank. */
  readonly linear: readonly CompiledRule<T>[];
  readonly dimensions: readonly Dimension<T>[];
}

export const emptyRuleIndex: RuleIndex<never> = Object.freeze({
  firstRank: Number.POSITIVE_INFINITY,
  linear: Object.freeze([]),
  dimensions: Object.freeze([]),
});

/** The matching rule with the lowest rank. Allocates nothing. */
export function firstMatch<T>(index: RuleIndex<T>, facts: CallFacts): CompiledRule<T> | undefined {
  return search(index, facts, undefined);
}

type Best<T> = CompiledRule<T> | undefined;

function search<T>(index: RuleIndex<T>, facts: CallFacts, known: Best<T>): Best<T> {
  let best = known;
  if (best !== undefined && index.firstRank >= best.rank) return best;
  for (const rule of index.linear) {
    if (best !== undefined && rule.rank >= best.rank) break;
    if (ruleMatches(rule, facts)) {
      best = rule;
      break;
    }
  }
  for (const dimension of index.dimensions) best = searchDimension(dimension, facts, best);
  return best;
}

function searchDimension<T>(dimension: Dimension<T>, facts: CallFacts, known: Best<T>): Best<T> {
  const { name, exact, prefixes, suffixes, some } = dimension;
  const value = name === METHOD ? facts.method : name === PRINCIPAL ? facts.principal : facts.header(name);
  if (value === undefined) return known;
  let best = known;
  const found = exact.get(value);
  if (found !== undefined) best = search(found, facts, best);
  for (let at = longestAffix(prefixes, value); at !== undefined; at = at.shorter) best = search(at.value, facts, best);
  for (let at = longestAffix(suffixes, value); at !== undefined; at = at.shorter) best = search(at.value, facts, best);
  return some === undefined ? best : search(some, facts, best);
}

/** Builds the index. `rules` are in the order of rank. */
export function* buildRuleIndex<T>(rules: readonly CompiledRule<T>[]): Slices<RuleIndex<T>> {
  return yield* build(rules, new Set());
}

function* build<T>(rules: readonly CompiledRule<T>[], used: ReadonlySet<string>): Slices<RuleIndex<T>> {
  const first = rules[0];
  if (first === undefined) return emptyRuleIndex;
  if (rules.length <= MAX_LINEAR) return Object.freeze({ firstRank: first.rank, linear: rules, dimensions: NONE });
  const keyed: Keyed[] = [];
  for (const rule of rules) {
    keyed.push(keysOf(rule, used));
    yield;
  }
  const shared = yield* countShared(keyed);
  const linear: CompiledRule<T>[] = [];
  const drafts = new Map<string, Draft<T>>();
  for (const [at, rule] of rules.entries()) {
    yield;
    const choice = mostSelective(keyed[at] as Keyed, shared);
    if (choice === undefined) {
      linear.push(rule);
      continue;
    }
    let draft = drafts.get(choice);
    if (draft === undefined) {
      draft = emptyDraft();
      drafts.set(choice, draft);
    }
    for (const key of (keyed[at] as Keyed).get(choice) as readonly Key[]) put(draft[key.kind], key.text, rule);
  }
  const dimensions: Dimension<T>[] = [];
  for (const [name, draft] of drafts) dimensions.push(yield* finishDimension(name, draft, new Set([...used, name])));
  return Object.freeze({ firstRank: first.rank, linear: Object.freeze(linear), dimensions: Object.freeze(dimensions) });
}

const NONE: readonly never[] = Object.freeze([]);

/** By dimension, the keys a rule can be found by: it goes under every one of them. */
type Keyed = ReadonlyMap<string, readonly Key[]>;

function keysOf(rule: CompiledRule<unknown>, used: ReadonlySet<string>): Keyed {
  const keys = new Map<string, readonly Key[]>();
  if (rule.methods !== undefined && !used.has(METHOD)) addNames(keys, METHOD, rule.methods);
  if (rule.principals !== undefined && !used.has(PRINCIPAL)) addNames(keys, PRINCIPAL, rule.principals);
  for (const { name, kind, text } of rule.headers) {
    if (kind === "absent" || used.has(name)) continue;
    // `present` and an expression that can begin with anything have no text.
    keys.set(name, [
      text === "" && kind !== "exact" ? keyOf("some", name, "") : keyOf(kind === "exact" ? kind : "prefix", name, text),
    ]);
  }
  return keys;
}

/** A set with a pattern that neither begins nor ends with a letter cannot be looked up: it would be under every key. */
function addNames(keys: Map<string, readonly Key[]>, dimension: string, names: NameSet): void {
  const list: Key[] = [];
  for (const text of names.names) list.push(keyOf("exact", dimension, text));
  for (const glob of names.globs) {
    const key = keyOfGlob(dimension, glob);
    if (key === undefined) return;
    list.push(key);
  }
  keys.set(dimension, list);
}

function keyOfGlob(dimension: string, { prefix, suffix }: Glob): Key | undefined {
  if (prefix === "" && suffix === "") return undefined;
  return prefix.length >= suffix.length ? keyOf("prefix", dimension, prefix) : keyOf("suffix", dimension, suffix);
}

function keyOf(kind: KeyKind, dimension: string, text: string): Key {
  return { kind, text, id: `${dimension} ${kind} ${text}` };
}

/** How many rules are under each key. */
type Shared = ReadonlyMap<string, number>;

function* countShared(keyed: readonly Keyed[]): Slices<Shared> {
  const shared = new Map<string, number>();
  for (const keys of keyed) {
    for (const list of keys.values()) for (const { id } of list) shared.set(id, (shared.get(id) ?? 0) + 1);
    yield;
  }
  return shared;
}

/** The dimension in which the fullest of the rule's buckets is smallest. */
function mostSelective(keys: Keyed, shared: Shared): string | undefined {
  let choice: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const [dimension, list] of keys) {
    let fullest = 0;
    for (const { id } of list) fullest = Math.max(fullest, shared.get(id) ?? 0);
    if (fullest < least) {
      least = fullest;
      choice = dimension;
    }
  }
  return choice;
}

type Buckets<T> = Map<string, CompiledRule<T>[]>;
type Draft<T> = Readonly<Record<KeyKind, Buckets<T>>>;

function emptyDraft<T>(): Draft<T> {
  return { exact: new Map(), prefix: new Map(), suffix: new Map(), some: new Map() };
}

function put<T>(buckets: Buckets<T>, text: string, rule: CompiledRule<T>): void {
  const bucket = buckets.get(text);
  if (bucket === undefined) buckets.set(text, [rule]);
  else if (bucket[bucket.length - 1] !== rule) bucket.push(rule);
}

function* finishDimension<T>(name: string, draft: Draft<T>, used: ReadonlySet<string>): Slices<Dimension<T>> {
  const built = function* (buckets: Buckets<T>): Slices<Map<string, RuleIndex<T>>> {
    const indexed = new Map<string, RuleIndex<T>>();
    for (const [text, rules] of buckets) {
      indexed.set(text, yield* build(rules, used));
      yield;
    }
    return indexed;
  };
  return Object.freeze({
    name,
    exact: yield* built(draft.exact),
    prefixes: yield* buildAffixTable("prefix", yield* built(draft.prefix)),
    suffixes: yield* buildAffixTable("suffix", yield* built(draft.suffix)),
    some: (yield* built(draft.some)).get(""),
  });
}
