// The status of a route as the standard has it: an entry a parent, with the conditions Accepted, ResolvedRefs and, where rules
// were dropped, PartiallyInvalid.
import { isDeepStrictEqual } from "node:util";
import { CONTROLLER_NAME, PREFIX } from "../names.ts";
import { type Fields, fieldsOf, textOf } from "./refusals.ts";
import { mapsOf } from "./route-objects.ts";
import type { ParentOutcome, TranslatedRoute } from "./translate-routes.ts";

/** Says, beside what the standard has, whether every router has the documents of the route. */
export const PROGRAMMED = `${PREFIX}/Programmed`;

/** What became of the documents of a route after they were translated. */
export interface DocumentsVerdict {
  /** Why the mesh did not take them; undefined: it did, or need not. */
  readonly refused?: string | undefined;
  /** Condition `PROGRAMMED` of the parents that took the route; undefined: left out. */
  readonly programmed?:
    | { readonly status: "True" | "False" | "Unknown"; readonly reason: string; readonly message: string }
    | undefined;
}

interface Wanted {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

/** Conditions this controller speaks of; all others in its entries belong to somebody else. */
const OURS: ReadonlySet<string> = new Set(["Accepted", "ResolvedRefs", "PartiallyInvalid", PROGRAMMED]);
const MAX_MESSAGE = 2048;

/**
 * The whole new `status`: entries of other controllers stay as they are and where they are, ours are merged. Equal by value to
 * the present one if there is nothing to say. `now` is an ISO instant, which a condition gets when its status changes.
 */
export function routeStatus({ route, parents }: TranslatedRoute, verdict: DocumentsVerdict, now: string): object {
  const status = fieldsOf(route.status);
  const present = mapsOf(status.parents);
  const generation = route.metadata.generation ?? 0;
  const ours = present.filter((entry) => entry.controllerName === CONTROLLER_NAME);
  const entries = parents.map((outcome) => {
    const before = ours.find((entry) => isDeepStrictEqual(entry.parentRef, outcome.parentRef));
    const conditions = mergeConditions(mapsOf(before?.conditions), conditionsOf(outcome, verdict), generation, now);
    return { parentRef: outcome.parentRef, controllerName: CONTROLLER_NAME, conditions };
  });
  const left = new Set(entries);
  const merged: unknown[] = [];
  for (const entry of present) {
    if (entry.controllerName !== CONTROLLER_NAME) merged.push(entry);
    else {
      const found = entries.find((one) => left.has(one) && isDeepStrictEqual(one.parentRef, entry.parentRef));
      if (found !== undefined && left.delete(found)) merged.push(found);
    }
  }
  return { ...status, parents: [...merged, ...left] };
}

/** Whether a route has anything of ours in its status, or should have. */
export function concernsUs({ route, parents }: TranslatedRoute): boolean {
  const present = mapsOf(fieldsOf(route.status).parents);
  return parents.length > 0 || present.some((entry) => entry.controllerName === CONTROLLER_NAME);
}

function conditionsOf(outcome: ParentOutcome, { refused, programmed }: DocumentsVerdict): readonly Wanted[] {
  const accepted = acceptedOf(outcome, refused);
  const isAccepted = accepted.status === "True";
  const conditions = [accepted, resolvedOf(outcome)];
  if (isAccepted && outcome.dropped.length > 0) {
    const message = `Dropped Rule: ${outcome.dropped.join("; ")}`;
    conditions.push({ type: "PartiallyInvalid", status: "True", reason: "UnsupportedValue", message });
  }
  if (isAccepted && programmed !== undefined) {
    const { status, reason, message } = programmed;
    conditions.push({ type: PROGRAMMED, status, reason, message });
  }
  return conditions;
}

function acceptedOf({ refused }: ParentOutcome, byMesh: string | undefined): Wanted {
  if (refused !== undefined) return { type: "Accepted", status: "False", ...refused };
  if (byMesh !== undefined) return { type: "Accepted", status: "False", reason: "UnsupportedValue", message: byMesh };
  return { type: "Accepted", status: "True", reason: "Accepted", message: "the rules are Routes of the mesh" };
}

function resolvedOf({ unresolved }: ParentOutcome): Wanted {
  const first = unresolved[0];
  if (first === undefined) {
    const message = "every reference leads to a service of the mesh";
    return { type: "ResolvedRefs", status: "True", reason: "ResolvedRefs", message };
  }
  const message = [...new Set(unresolved.map((one) => one.message))].join("; ");
  return { type: "ResolvedRefs", status: "False", reason: first.reason, message };
}

/** Conditions of others stay; of ours those go that are not said any more. Newer ones than we know are left alone. */
function mergeConditions(
  present: readonly Fields[],
  wanted: readonly Wanted[],
  generation: number,
  now: string,
): readonly unknown[] {
  const left = new Map(wanted.map((condition) => [condition.type, condition]));
  const merged: unknown[] = [];
  for (const before of present) {
    const type = textOf(before.type) ?? "";
    const condition = left.get(type);
    left.delete(type);
    if (!OURS.has(type) || isNewer(before, generation)) merged.push(before);
    else if (condition !== undefined) merged.push(toCondition(condition, before, generation, now));
  }
  return [...merged, ...[...left.values()].map((condition) => toCondition(condition, undefined, generation, now))];
}

function isNewer({ observedGeneration }: Fields, generation: number): boolean {
  return typeof observedGeneration === "number" && observedGeneration > generation;
}

function toCondition(wanted: Wanted, before: Fields | undefined, generation: number, now: string): object {
  const since = before?.status === wanted.status ? textOf(before.lastTransitionTime) : undefined;
  const { type, status, reason } = wanted;
  const message = wanted.message.length > MAX_MESSAGE ? `${wanted.message.slice(0, MAX_MESSAGE - 1)}…` : wanted.message;
  return { type, status, observedGeneration: generation, lastTransitionTime: since ?? now, reason, message };
}
