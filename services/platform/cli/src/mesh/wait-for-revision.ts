// Waits until every router announces a revision.
import { setTimeout as sleep } from "node:timers/promises";
import type { NatsBroker } from "@malla/sdk/broker";
import { Failure } from "../failure.ts";
import { Presence } from "../live/presence.ts";
import { type MeshFlags, openObserver } from "./session.ts";

/** A change is live within two seconds; this is how long a verb waits before it calls that a failure, in ms. */
const WAIT_MS = 10_000;
const LOOK_MS = 100;
/** Routers announce themselves every second: after this all of them have been heard, in ms. */
const HEARD_MS = 1_200;

/** Resolves to the number of routers that have it. */
export async function waitForRevision(broker: NatsBroker, revision: number): Promise<number> {
  const presence = new Presence({ broker, onEvent: () => undefined });
  try {
    const startedAt = performance.now();
    for (;;) {
      await sleep(LOOK_MS);
      const routers = [...presence.routers.all()].filter(({ state }) => !state.draining);
      const elapsed = performance.now() - startedAt;
      const behind = routers.filter(({ state }) => state.policyRevision < revision);
      if (elapsed > HEARD_MS && routers.length > 0 && behind.length === 0) return routers.length;
      if (elapsed <= WAIT_MS) continue;
      if (routers.length === 0)
        throw new Failure(`revision ${revision} is written, but no router is running that would enforce it`);
      throw new Failure(
        `revision ${revision} is written, but ${behind.map(({ id, state }) => `${id} (${state.policyRevision})`).join(", ")} has not taken it within ${WAIT_MS / 1000} s; its log says why`,
      );
    }
  } finally {
    presence.close();
  }
}

/** Waits for `--wait`, and says how many routers enforce it. */
export async function waitUntilInForce(flags: MeshFlags, revision: number): Promise<void> {
  const observer = await openObserver(flags);
  try {
    const routers = await waitForRevision(observer, revision);
    process.stdout.write(`in force at ${routers === 1 ? "one router" : `all ${routers} routers`}\n`);
  } finally {
    await observer.close();
  }
}
