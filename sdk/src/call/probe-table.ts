// Probes that are on their way: which ids were asked of which peer.

/** An unanswered probe is forgotten after this, in ms: silence is never "gone", and the next probe asks again. */
const FORGET_AFTER_MS = 5_000;
/** A peer that has left a probe unanswered for this long is silent, in ms. */
export const SILENT_AFTER_MS = 500;
/** So many are waited for; beyond, the oldest is forgotten before its time. */
export const MAX_PROBES = 10_000;

export interface Probe<Peer> {
  readonly id: string;
  readonly peer: Peer;
  readonly ids: readonly string[];
  readonly sentAtMs: number;
}

export class ProbeTable<Peer> {
  /** In the order they were sent. */
  readonly #probes = new Map<string, Probe<Peer>>();
  readonly #told = new WeakSet<Probe<Peer>>();

  add(probe: Probe<Peer>): void {
    for (const old of this.#probes.values()) {
      if (probe.sentAtMs - old.sentAtMs < FORGET_AFTER_MS && this.#probes.size < MAX_PROBES) break;
      this.#probes.delete(old.id);
    }
    this.#probes.set(probe.id, probe);
  }

  /**
   * Peers that have become silent since this was asked last, with what was asked of them. Not to be asked after an own stall: who
   * did not read cannot tell who did not answer.
   */
  *silent(nowMs: number): Iterable<Probe<Peer>> {
    for (const probe of this.#probes.values()) {
      if (nowMs - probe.sentAtMs < SILENT_AFTER_MS) return;
      if (this.#told.has(probe)) continue;
      this.#told.add(probe);
      yield probe;
    }
  }

  has(id: string): boolean {
    return this.#probes.has(id);
  }

  take(id: string): Probe<Peer> | undefined {
    const probe = this.#probes.get(id);
    if (probe !== undefined) this.#probes.delete(id);
    return probe;
  }
}
