// All Routes by precedence, indexed; and which of them can never win.

import type { RouteEntry } from "./compile-route.ts";
import { nameSetOf } from "./glob.ts";
import type { CompiledRoute, Policy } from "./policy.ts";
import type { Problem } from "./problem.ts";
import type { CompiledRule } from "./rule.ts";
import { buildRuleIndex, type RuleIndex } from "./rule-index.ts";
import type { Slices } from "./slices.ts";
import { describeCondition } from "./string-match.ts";

/** Orders the entries and indexes them by service. Routes that another one wholly hides are said in `problems`. */
export function* buildRouteTable(entries: readonly RouteEntry[], problems: Problem[]): Slices<Policy["routes"]> {
  const ordered = [...entries].sort(byPrecedence);
  yield;
  yield* reportShadowed(ordered, problems);
  const named = new Map<string, CompiledRule<CompiledRoute>[]>();
  const open: CompiledRule<CompiledRoute>[] = [];
  for (const [rank, entry] of ordered.entries()) {
    const rule = toRule(entry, rank);
    yield;
    if (entry.service === undefined) open.push(rule);
    else {
      const rules = named.get(entry.service);
      if (rules === undefined) named.set(entry.service, [rule]);
      else rules.push(rule);
    }
  }
  const byService = new Map<string, RuleIndex<CompiledRoute>>();
  for (const [service, rules] of named) byService.set(service, yield* buildRuleIndex(rules));
  return Object.freeze({ byService, anyService: yield* buildRuleIndex(open) });
}

function toRule({ method, principals, headers, route }: RouteEntry, rank: number): CompiledRule<CompiledRoute> {
  const methods = method === undefined ? undefined : nameSetOf([method]);
  return { rank, methods, principals, headers, value: route };
}

/** Gateway API: exact before pattern, longer patterns, more conditions, older, then by name. */
export function byPrecedence(a: RouteEntry, b: RouteEntry): number {
  return (
    Number(a.service === undefined) - Number(b.service === undefined) ||
    Number(a.method?.exact === undefined) - Number(b.method?.exact === undefined) ||
    (b.method?.literalCount ?? 0) - (a.method?.literalCount ?? 0) ||
    conditionCount(b) - conditionCount(a) ||
    olderFirst(a.createdAtMs, b.createdAtMs) ||
    compareText(a.route.name, b.route.name) ||
    compareText(a.method?.pattern ?? "", b.method?.pattern ?? "")
  );
}

function conditionCount({ headers, principals }: RouteEntry): number {
  return headers.length + (principals === undefined ? 0 : 1);
}

/** Infinite is unknown, and two unknown are equal: their difference is no number. */
function olderFirst(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** By code unit, so that it is the same wherever it runs. */
function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** Principals an earlier Route with the same match has taken already; undefined: all. */
interface Taken {
  readonly by: string;
  readonly principals: Set<string> | undefined;
}

/**
 * Precedence puts what asks for more first, so a Route is hidden wholly only by others that ask for exactly the same method
 * and headers, and for all of its principals.
 */
function* reportShadowed(ordered: readonly RouteEntry[], problems: Problem[]): Slices<void> {
  const takenBy = new Map<string, Taken>();
  const open = new Map<string, { first: RouteEntry; by: string; alive: boolean }>();
  for (const entry of ordered) {
    yield;
    const key = matchKey(entry);
    const taken = takenBy.get(key);
    const hidden = taken !== undefined && covers(taken, entry);
    const seen = open.get(entry.document);
    if (seen === undefined) open.set(entry.document, { first: entry, by: taken?.by ?? "", alive: !hidden });
    else if (!hidden) seen.alive = true;
    if (!hidden) takenBy.set(key, take(taken, entry));
  }
  for (const [document, { first, by, alive }] of open) {
    if (alive) continue;
    problems.push({
      severity: "warning",
      document,
      path: first.path,
      message: `never wins: ${by} matches all the same calls and comes before it (older, or first by name)`,
    });
  }
}

/** Equal for entries that ask for the same, but for the names of the principals. */
function matchKey({ service, method, principals, headers }: RouteEntry): string {
  const target = `${service ?? ""} ${method?.pattern ?? ""} ${principals === undefined ? "all" : "some"}`;
  return headers.length === 0 ? target : `${target} ${headers.map(describeCondition).join(" ")}`;
}

function covers(taken: Taken, { principals }: RouteEntry): boolean {
  if (taken.principals === undefined || principals === undefined) return taken.principals === undefined;
  for (const name of principals.names) if (!taken.principals.has(name)) return false;
  for (const glob of principals.globs) if (!taken.principals.has(glob.pattern)) return false;
  return principals.names.length + principals.globs.length > 0;
}

function take(taken: Taken | undefined, { principals, document }: RouteEntry): Taken {
  if (principals === undefined) return { by: document, principals: undefined };
  const names = taken?.principals ?? new Set<string>();
  for (const name of principals.names) names.add(name);
  for (const glob of principals.globs) names.add(glob.pattern);
  return { by: taken?.by ?? document, principals: names };
}
