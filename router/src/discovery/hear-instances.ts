// Announcements of instances into the registry. What is too much, cannot be read, or meets a bound is dropped and counted.
import type { Broker } from "@malla/sdk/broker";
import type { Runtime } from "@malla/sdk/call";
import { decodeInstanceState, parseInstanceSubject, subscriptions } from "@malla/sdk/contract";
import { AnnouncementGate, type Registry } from "@malla/sdk/discovery";

/** Hears them from now on. */
export function hearInstances(broker: Broker, runtime: Runtime, registry: Registry): void {
  const gate = new AnnouncementGate();
  const { clock, telemetry } = runtime;
  broker.subscribe(subscriptions.instances, ({ subject, payload }) => {
    const who = parseInstanceSubject(subject);
    const now = clock.nowMs();
    if (who !== undefined && !gate.mayRead(who.service, payload.length, now)) {
      telemetry.rejected("announcement", "rate-limited");
      return;
    }
    const state = decodeInstanceState(payload);
    if (who === undefined || state === undefined) telemetry.rejected("announcement", "bad-request");
    else if (!registry.announce("sdk", who.service, who.instance, state, now, clock.stampMs()))
      telemetry.rejected("announcement", "overloaded");
  });
}
