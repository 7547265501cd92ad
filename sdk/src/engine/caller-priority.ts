// How much a caller's calls may matter. A caller says it itself, so policy caps it: whom nobody trusts to be critical is not.
import type { ServicePolicySpec } from "../contract/documents.ts";
import type { Priority } from "../contract/header-names.ts";
import { compileNames, nameSetHas } from "./glob.ts";

/** Highest priority of a caller that no policy names. */
export const DEFAULT_MAX_PRIORITY: Priority = "default";
const RANK: Readonly<Record<Priority, number>> = { sheddable: 0, default: 1, critical: 2 };

/** The lesser of two. */
export function lowerPriority(a: Priority, b: Priority): Priority {
  return RANK[a] <= RANK[b] ? a : b;
}

export function noPriorityBeyondDefault(): Priority {
  return DEFAULT_MAX_PRIORITY;
}

/** Highest priority by caller. Of a caller that stands in both lists the lower holds. */
export function compileMaxPriority(given: ServicePolicySpec["maxPriority"]): (principal: string) => Priority {
  if (given === undefined) return noPriorityBeyondDefault;
  const critical = compileNames(given.critical ?? []);
  const sheddable = compileNames(given.sheddable ?? []);
  return (principal) => {
    if (nameSetHas(sheddable, principal)) return "sheddable";
    return nameSetHas(critical, principal) ? "critical" : DEFAULT_MAX_PRIORITY;
  };
}
