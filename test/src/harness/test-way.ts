// Which way the SDKs of a test call. `MALLA_TEST_WAY=direct` lets everybody go past the routers to the services a file names, so that
// what holds for routed calls is held against direct ones by the same tests.
import type { Mesh } from "@malla/sdk";
import type { NatsBroker } from "@malla/sdk/broker";
import { CAPABILITY_DIRECT, decodeInstanceState, parseInstanceSubject, subscriptions } from "@malla/sdk/contract";
import { eventually } from "./eventually.ts";

export const TEST_WAY: "routed" | "direct" = process.env.MALLA_TEST_WAY === "direct" ? "direct" : "routed";
/** An instance that was killed is remembered by those who only listen, so that nobody waits for it for long, in ms. */
const SETTLED_WITHIN_MS = 3_000;

/** Instances as an observer hears them, to know when all callers know them too. */
export class AnnouncedInstances {
  readonly #serving = new Map<string, Set<string>>();

  hear(observer: NatsBroker): void {
    observer.subscribe(subscriptions.instances, ({ subject, payload }) => {
      const who = parseInstanceSubject(subject);
      const state = decodeInstanceState(payload);
      if (who === undefined || state === undefined) return;
      const serving = this.#serving.get(who.service) ?? new Set();
      this.#serving.set(who.service, serving);
      if (state.phase === "serving" && state.capabilities.includes(CAPABILITY_DIRECT)) serving.add(who.instance);
      else serving.delete(who.instance);
    });
  }

  /** Resolves when it has announced itself as one that takes direct calls. */
  async announced(service: string, instance: string): Promise<void> {
    await eventually(() => {
      if (this.#serving.get(service)?.has(instance) !== true) throw new Error(`${service} ${instance} is not heard`);
    });
  }

  /** Resolves when these know every instance they may send to, or have had the time to. */
  async known(callers: Iterable<Mesh>): Promise<void> {
    const unaware = (): boolean =>
      [...callers].some((caller) =>
        [...this.#serving].some(([service, { size }]) => {
          const count = caller.directInstances(service);
          return count !== undefined && count < size;
        }),
      );
    await eventually(
      () => {
        if (unaware()) throw new Error("not known yet");
      },
      { withinMs: SETTLED_WITHIN_MS },
    ).catch(() => undefined);
  }
}
