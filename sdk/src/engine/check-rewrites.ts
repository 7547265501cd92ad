// Destinations in other services: do those exist anywhere, and do they lead back.
import type { RouteEntry } from "./compile-route.ts";
import type { Problem } from "./problem.ts";
import type { Slices } from "./slices.ts";

/** Services looked at in search of circles, in all: a long chain of rewrites would be followed once for each of its links. */
const MAX_FOLLOWED = 200_000;

/** `named` are the services that documents speak of otherwise. */
export function* checkRewrites(
  entries: readonly RouteEntry[],
  named: ReadonlySet<string>,
  problems: Problem[],
): Slices<void> {
  const edges = new Map<string, Set<string>>();
  const search = { left: MAX_FOLLOWED };
  const checked = new Set<string>();
  for (const { route, document, service: from } of entries) {
    yield;
    if (checked.has(document)) continue;
    checked.add(document);
    for (const { service: to, index } of route.destinations) {
      if (to === undefined) continue;
      const path = `spec.destinations[${index}].service`;
      if (!named.has(to))
        problems.push({
          severity: "warning",
          document,
          path,
          message: `no other document names ${to}: if no instance announces it, these calls end as no-instance`,
        });
      if (from === undefined) continue;
      if (leadsTo(edges, to, from, search)) {
        problems.push({
          severity: "warning",
          document,
          path,
          message: `${to} is itself sent on to ${from}: a call is rewritten once, so these services only change places`,
        });
      }
      const targets = edges.get(from);
      if (targets === undefined) edges.set(from, new Set([to]));
      else targets.add(to);
    }
  }
}

function leadsTo(
  edges: ReadonlyMap<string, ReadonlySet<string>>,
  start: string,
  goal: string,
  search: { left: number },
): boolean {
  const waiting = [start];
  const visited = new Set<string>();
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    if (at === goal) return true;
    if (search.left-- <= 0) return false;
    if (visited.has(at)) continue;
    visited.add(at);
    waiting.push(...(edges.get(at) ?? []));
  }
  return false;
}
