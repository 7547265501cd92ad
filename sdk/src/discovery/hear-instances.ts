// Announcements of instances into the registry: all of them at a router, those of its direct targets at a direct caller. What is
// too much, cannot be read, or meets a bound is dropped, counted and told.
import type { Broker } from "../broker/broker.ts";
import {
  decodeInstanceState,
  type InstanceState,
  type MeshReason,
  parseInstanceSubject,
  provenPrincipal,
} from "../contract/index.ts";
import type { Refusals } from "../telemetry/refusals.ts";
import { AnnouncementGate } from "./announcement-gate.ts";
import type { Registry } from "./registry.ts";

export interface Hearing {
  readonly clock: { nowMs(): number; stampMs(): number };
  readonly refusals: Refusals;
}

/**
 * Hears them from now on, on `subjects`. Who is not `wanted` is not kept, or no longer: it may be there, but calls of this process
 * have no business with it. Default: everybody is.
 */
export function hearInstances(
  broker: Broker,
  { clock, refusals }: Hearing,
  registry: Registry,
  subjects: readonly string[],
  wanted: (state: InstanceState) => boolean = () => true,
): void {
  const gate = new AnnouncementGate();
  const refuse = (subject: string, reason: MeshReason, problem: string): void =>
    refusals.refused({ stage: "announcement", reason, principal: provenPrincipal(subject), problem, subject });
  const hear = (subject: string, payload: Uint8Array): void => {
    const who = parseInstanceSubject(subject);
    if (who === undefined) return refuse(subject, "bad-request", "an announcement whose subject names no instance");
    const now = clock.nowMs();
    if (!gate.mayRead(who.service, payload.length, now))
      return refuse(subject, "rate-limited", "more announcements in a second than a service's instances need");
    const state = decodeInstanceState(payload);
    if (state === undefined) return refuse(subject, "bad-request", "an announcement that cannot be read");
    if (!wanted(state)) return registry.forget(who.service, who.instance);
    if (!registry.announce("sdk", who.service, who.instance, state, now, clock.stampMs()))
      refuse(subject, "overloaded", "no room for one more instance of this service");
  };
  for (const subject of subjects) broker.subscribe(subject, (message) => hear(message.subject, message.payload));
}
