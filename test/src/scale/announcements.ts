// What one announcement costs a router once it is in its hands: the gate, the subject, the registry.
import { encodeInstanceState, instanceSubject, parseInstanceSubject } from "@malla/sdk/contract";
import { AnnouncementGate, Registry } from "@malla/sdk/discovery";
import { instanceState } from "@malla/sdk/testing";
import { leastCpuMs } from "./cpu.ts";
import { LARGE, METHODS, serviceName } from "./world.ts";

export interface AnnouncementCost {
  readonly what: string;
  readonly micros: number;
}

const ROUNDS = 15;

export function measureAnnouncements(): readonly AnnouncementCost[] {
  const first = said("1.4.0", 0);
  const again = said("1.4.0", 1);
  const changed = [said("1.5.0", 2), said("1.4.0", 3)];
  const registry = new Registry();
  hear(registry, first);
  let round = 0;
  return [
    { what: "as before, with another load and stamp", micros: each(() => hear(registry, again)) },
    { what: "another version each time", micros: each(() => hear(registry, changed[round++ % 2] as Said)) },
    { what: "of an instance that was not known", micros: each(() => hear(new Registry(), first)) },
  ];
}

function each(work: () => void): number {
  return (leastCpuMs(ROUNDS, work) * 1_000) / LARGE.instances;
}

type Said = readonly { readonly subject: string; readonly payload: Uint8Array }[];

function said(version: string, load: number): Said {
  return Array.from({ length: LARGE.instances }, (_, i) => ({
    subject: instanceSubject(serviceName(i % LARGE.services), `instance-${i}`),
    payload: encodeInstanceState(
      instanceState({
        version,
        tags: { zone: `zone-${i % 3}`, pod: `pod-${i}` },
        methods: METHODS,
        load: { inFlight: load, queued: 0, loopLagMs: 0 },
        sentAtMs: 1_900_000_000_000 + load,
      }),
    ),
  }));
}

function hear(registry: Registry, announcements: Said): void {
  const gate = new AnnouncementGate();
  for (const { subject, payload } of announcements) {
    const who = parseInstanceSubject(subject);
    if (who === undefined || !gate.mayRead(who.service, payload.length, 0)) throw new Error("not read");
    if (registry.hear(who.service, who.instance, payload, 0) !== "taken") throw new Error("not taken");
  }
}
