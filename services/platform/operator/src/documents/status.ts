// A verdict, and how far its revision has come → the status of a resource, and the events its change is worth. Pure.
import type { Condition } from "../kubernetes/api.ts";
import type { Spread } from "../mesh/router-revisions.ts";
import type { Verdict } from "./wanted.ts";

/** `status` of every kind of the mesh. */
export interface PolicyStatus {
  readonly observedGeneration?: number;
  /** Revision of the mesh's policy that first carried it in this form. */
  readonly revision?: number;
  readonly contentHash?: string;
  readonly conditions?: readonly Condition[];
}

/** Where the policy stands. `unwritten`: the change could not be written, and why. */
export type MeshState =
  | { readonly type: "reached" }
  | { readonly type: "unreachable"; readonly why: string }
  | { readonly type: "unwritten"; readonly why: string };

export interface StatusInput {
  readonly generation: number | undefined;
  readonly before: PolicyStatus | undefined;
  /** Undefined: nothing is known of the mesh yet, so nothing can be said. */
  readonly verdict: Verdict | undefined;
  /** Of the document in the policy; undefined: there is none. */
  readonly contentHash: string | undefined;
  /** Revision that carries it; undefined as above. */
  readonly revision: number | undefined;
  /** Where `revision` is in force. */
  readonly spread: Spread;
  readonly mesh: MeshState;
  /** ISO instant. */
  readonly now: string;
}

export const ACCEPTED = "Accepted";
export const PROGRAMMED = "Programmed";
/** At most so many routers are listed by name. */
const MAX_NAMED = 5;
const MAX_MESSAGE_LENGTH = 4_096;

type Saying = Pick<Condition, "status" | "reason" | "message">;

export function statusOf(input: StatusInput): PolicyStatus {
  const { generation, before, contentHash, revision } = input;
  const conditions = [condition(ACCEPTED, accepted(input), input), condition(PROGRAMMED, programmed(input), input)];
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...(revision === undefined ? {} : { revision }),
    ...(contentHash === undefined ? {} : { contentHash }),
    // Conditions of others stay.
    conditions: [...conditions, ...(before?.conditions ?? []).filter(({ type }) => !OURS.has(type))],
  };
}

const OURS: ReadonlySet<string> = new Set([ACCEPTED, PROGRAMMED]);
const REASONS = { accepted: "Accepted", invalid: "Invalid", conflict: "Conflict" } as const;

function accepted({ verdict, mesh, before, generation }: StatusInput): Saying {
  if (verdict !== undefined) {
    const status = verdict.type === "accepted" ? "True" : "False";
    return { status, reason: REASONS[verdict.type], message: verdict.message };
  }
  const known = conditionIn(before, ACCEPTED);
  if (known?.observedGeneration === generation && known !== undefined) return known;
  const why = mesh.type === "unreachable" ? mesh.why : "the policy has not been read yet";
  return { status: "Unknown", reason: "MeshUnreachable", message: why };
}

function programmed(input: StatusInput): Saying {
  const { verdict, mesh, revision, before } = input;
  if (verdict !== undefined && verdict.type !== "accepted")
    return { status: "False", reason: "NotAccepted", message: "it is not accepted; see condition Accepted" };
  if (mesh.type === "unreachable")
    return {
      status: "Unknown",
      reason: "MeshUnreachable",
      message: `${mesh.why}; what was in force stays in force`,
    };
  if (mesh.type === "unwritten") return pending(mesh.why);
  if (verdict === undefined || revision === undefined) return pending("it has not been written yet");
  // Once said of a revision it stays: a router that comes later reads the policy before it takes a call.
  const known = conditionIn(before, PROGRAMMED);
  if (known?.status === "True" && before?.revision === revision && before.contentHash === input.contentHash)
    return known;
  return spreadSaying(input.spread, revision);
}

function spreadSaying(spread: Spread, revision: number): Saying {
  switch (spread.type) {
    case "everywhere": {
      const where = spread.routers === 1 ? "the one router" : `all ${spread.routers} routers`;
      return { status: "True", reason: "Programmed", message: `revision ${revision} is in force at ${where}` };
    }
    case "behind": {
      const more = spread.routers.length - MAX_NAMED;
      const names = `${spread.routers.slice(0, MAX_NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
      return pending(`revision ${revision} is written; not yet in force at ${names}`);
    }
    case "no-router":
      return pending(`revision ${revision} is written; no router is running that would enforce it`);
    case "unknown":
      return pending(`revision ${revision} is written; routers have not said yet what they have in force`);
  }
}

function pending(message: string): Saying {
  return { status: "False", reason: "Pending", message };
}

function condition(
  type: string,
  { status, reason, message }: Saying,
  { before, generation, now }: StatusInput,
): Condition {
  const known = conditionIn(before, type);
  return {
    type,
    status,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    lastTransitionTime: known?.status === status ? known.lastTransitionTime : now,
    reason,
    message: message.length > MAX_MESSAGE_LENGTH ? `${message.slice(0, MAX_MESSAGE_LENGTH - 1)}…` : message,
  };
}

export function conditionIn(status: PolicyStatus | undefined, type: string): Condition | undefined {
  return status?.conditions?.find((one) => one.type === type);
}

/** Whether two statuses say the same, so that nothing need be written. */
export function isSameStatus(a: PolicyStatus | undefined, b: PolicyStatus): boolean {
  return a !== undefined && JSON.stringify(inOrder(a)) === JSON.stringify(inOrder(b));
}

function inOrder({ observedGeneration, revision, contentHash, conditions = [] }: PolicyStatus): unknown {
  const plain = [...conditions]
    .sort((a, b) => (a.type < b.type ? -1 : 1))
    .map((one) => [one.type, one.status, one.observedGeneration, one.lastTransitionTime, one.reason, one.message]);
  return [observedGeneration, revision, contentHash, plain];
}

/** What somebody who looks at the resource's history should read. */
export interface StatusEvent {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly note: string;
}

/** Events of a change of verdict; that something is pending, or cannot be told, is worth none. */
export function eventsOf(before: PolicyStatus | undefined, after: PolicyStatus): readonly StatusEvent[] {
  return [ACCEPTED, PROGRAMMED].flatMap((type): readonly StatusEvent[] => {
    const [was, is] = [conditionIn(before, type), conditionIn(after, type)];
    if (is === undefined || (was?.reason === is.reason && (is.status === "True" || was.message === is.message)))
      return [];
    if (is.status === "True") return [{ type: "Normal", reason: is.reason, note: is.message }];
    if (type !== ACCEPTED || is.status !== "False") return [];
    return [{ type: "Warning", reason: is.reason, note: is.message }];
  });
}
