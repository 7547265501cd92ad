// What routers have in force, whatever the bucket holds: a mesh on a new broker still has its old routers.
import { setTimeout as sleep } from "node:timers/promises";
import type { Broker } from "@malla/sdk/broker";
import { Presence } from "../live/presence.ts";

/** Routers announce themselves every second: after this all of them have been heard, in ms. */
const HEARD_MS = 1_500;

export interface HeardRouters {
  readonly count: number;
  /** 0 if there are none, or none has a policy. */
  readonly highestRevision: number;
}

export async function hearRouters(broker: Broker): Promise<HeardRouters> {
  const presence = new Presence({ broker, onEvent: () => undefined });
  try {
    await sleep(HEARD_MS);
    const revisions = [...presence.routers.all()].map(({ state }) => state.policyRevision);
    return { count: revisions.length, highestRevision: Math.max(0, ...revisions) };
  } finally {
    presence.close();
  }
}
