// Announcements of instances into the registry. What is too much, cannot be read, or meets a bound is dropped, counted and told.
import type { Broker } from "@malla/sdk/broker";
import type { Runtime } from "@malla/sdk/call";
import {
  isServiceName,
  type MeshReason,
  parseInstanceSubject,
  provenPrincipal,
  subscriptions,
} from "@malla/sdk/contract";
import { AnnouncementGate, announcerOf, type Registry } from "@malla/sdk/discovery";

/** Hears them from now on. */
export function hearInstances(broker: Broker, runtime: Runtime, registry: Registry): void {
  const gate = new AnnouncementGate();
  const { clock, refusals } = runtime;
  const refuse = (subject: string, reason: MeshReason, problem: string): void =>
    refusals.refused({ stage: "announcement", reason, principal: provenPrincipal(subject), problem, subject });
  broker.subscribe(subscriptions.instances, ({ subject, payload }) => {
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
  });
}
