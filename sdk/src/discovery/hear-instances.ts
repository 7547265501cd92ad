// Announcements of instances into the registry: all of them at a router, those of its direct targets at a direct caller. What is
// too much, cannot be read, or meets a bound is dropped, counted and told.
import type { Broker } from "../broker/broker.ts";
import { isServiceName, type MeshReason, parseInstanceSubject, provenPrincipal } from "../contract/index.ts";
import type { Refusals } from "../telemetry/refusals.ts";
import { AnnouncementGate, announcerOf } from "./announcement-gate.ts";
import type { Registry } from "./registry.ts";

export interface Hearing {
  readonly clock: { nowMs(): number };
  readonly refusals: Refusals;
}

/** Hears them from now on, on `subjects`. */
export function hearInstances(
  broker: Broker,
  { clock, refusals }: Hearing,
  registry: Registry,
  subjects: readonly string[],
): void {
  const gate = new AnnouncementGate();
  const refuse = (subject: string, reason: MeshReason, problem: string): void =>
    refusals.refused({ stage: "announcement", reason, principal: provenPrincipal(subject), problem, subject });
  const hear = (subject: string, payload: Uint8Array): void => {
    const now = clock.nowMs();
    const announcer = announcerOf(subject);
    if (!gate.mayRead(announcer, payload.length, now)) {
      const principal = isServiceName(announcer) ? announcer : "";
      const problem = "more announcements in a second than a service's instances need";
      return refusals.refused({ stage: "announcement", reason: "rate-limited", principal, problem, subject });
    }
    const who = parseInstanceSubject(subject);
    if (who === undefined) return refuse(subject, "bad-request", "an announcement whose subject names no instance");
    const heard = registry.hear(who.service, who.instance, payload, now);
    if (heard === "unreadable") refuse(subject, "bad-request", "an announcement that cannot be read");
    if (heard === "full") refuse(subject, "overloaded", "no room for one more instance of this service");
  };
  for (const subject of subjects) broker.subscribe(subject, (message) => hear(message.subject, message.payload));
}
