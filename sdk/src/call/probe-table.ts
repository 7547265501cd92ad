// Probes that are on their way: which ids were asked of which peer.

/** An unanswered probe is forgotten after this, in ms: silence is never "gone", and the next probe asks again. */
const FORGET_AFTER_MS = 5_000;

export interface Probe<Peer> {
  readonly id: string;
  readonly peer: Peer;
  readonly ids: readonly string[];
  readonly sentAtMs: number;
}

export class ProbeTable<Peer> {
  readonly #probes = new Map<string, Probe<Peer>>();

  add(probe: Probe<Peer>): void {
    for (const old of this.#probes.values()) {
      if (probe.sentAtMs - old.sentAtMs < FORGET_AFTER_MS) break;
      this.#probes.delete(old.id);
    }
    this.#probes.set(probe.id, probe);
  }

  take(id: string): Probe<Peer> | undefined {
    const probe = this.#probes.get(id);
    if (probe !== undefined) this.#probes.delete(id);
    return probe;
  }
}
