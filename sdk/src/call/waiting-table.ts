// All requests that wait for a reply of some peer, in the order they were sent: a caller's calls at routers, a router's
// attempts at instances. Replies find theirs by id; what has waited long is probed, one probe per peer (failure rules 1
// and 2), so that a lost request, a lost reply and a dead peer are told apart.
import type { ProbeAnswer } from "../contract/index.ts";
import { IdTable } from "./id-table.ts";

/** What waits longer than this is asked for, in ms. */
export const PROBE_AFTER_MS = 250;
/** And again after this, in ms. */
export const PROBE_EVERY_MS = 250;
/** What may have run and whose peer is gone is given up after this, in ms, if its deadline is not sooner. */
export const GONE_AFTER_MS = 3_000;
/**
 * So long after our own connection was lost and is back, in ms, a peer that nobody hears may still be on its way back too: its dial
 * may have met a broker that listened and did not answer yet, for as long as a dial takes at most, before the one that succeeds.
 */
export const PEERS_RETURN_MS = 2_000;
/** How often to call `probeOld`, in ms: so the first probe goes out 250 to 375 ms after the request. */
export const PROBE_TICK_MS = 125;
/**
 * At most so many ids in one probe, and whoever is asked looks at no more; a peer with more gets several, so that the old cannot
 * keep the young from being asked for.
 */
export const MAX_PROBED_IDS = 200;

export interface Waiting<Peer> {
  /** Unguessable; the last token of the reply subject. */
  readonly id: string;
  readonly sentAtMs: number;
  /** Undefined: nobody can be asked. */
  readonly peer: Peer | undefined;
  /** Whether doing it twice does no harm. */
  readonly repeatable: boolean;
  /** When the peer was last asked; 0 before. */
  probedAtMs: number;
  /** When the broker first said that nobody listens at the peer; 0 while somebody does. */
  goneSinceMs: number;
}

/**
 * `unseen`: it never arrived and never will, nothing ran. `gone`: the peer is lost, it may have run. `silent`: the peer may be
 * there, but does not answer, and this one can be done elsewhere.
 */
export type Loss = "unseen" | "gone" | "silent";

export class WaitingTable<Peer, Entry extends Waiting<Peer>> {
  readonly #entries = new IdTable<Entry>();
  readonly #onLost: (entry: Entry, loss: Loss) => void;
  /** When our own connection was back last. */
  #returnedAtMs = Number.NEGATIVE_INFINITY;

  constructor(onLost: (entry: Entry, loss: Loss) => void) {
    this.#onLost = onLost;
  }

  get size(): number {
    return this.#entries.size;
  }

  add(entry: Entry): void {
    this.#entries.add(entry);
  }

  get(id: string): Entry | undefined {
    return this.#entries.get(id);
  }

  /** False if it did not wait any more. */
  remove(entry: Entry): boolean {
    return this.#entries.delete(entry.id);
  }

  all(): Iterable<Entry> {
    return this.#entries.values();
  }

  /** Asks peers about what has waited long. The young stand last, so the walk ends at the first of them. */
  probeOld(nowMs: number, probe: (peer: Peer, ids: readonly string[]) => void): void {
    const batches = new Batches<Peer>();
    for (const entry of this.#entries.values()) {
      if (nowMs - entry.sentAtMs < PROBE_AFTER_MS) break;
      if (entry.peer === undefined) continue;
      if (entry.goneSinceMs !== 0 && nowMs - entry.goneSinceMs >= GONE_AFTER_MS) {
        this.#lose(entry, "gone");
        continue;
      }
      if (nowMs - entry.probedAtMs < PROBE_EVERY_MS) continue;
      entry.probedAtMs = nowMs;
      batches.add(entry.peer, entry.id);
    }
    batches.forEach(probe);
  }

  /** Asks about everything, young or old: the connection it went out on was lost, and may have taken it along. */
  probeAll(nowMs: number, probe: (peer: Peer, ids: readonly string[]) => void): void {
    this.#returnedAtMs = nowMs;
    const batches = new Batches<Peer>();
    for (const entry of this.#entries.values()) {
      if (entry.peer === undefined) continue;
      entry.probedAtMs = nowMs;
      batches.add(entry.peer, entry.id);
    }
    batches.forEach(probe);
  }

  /** The peer answered: what it has not seen it never will. Replies of what is done come by themselves. */
  probeAnswered(peer: Peer, answer: ProbeAnswer): void {
    for (const id of answer.unseen) {
      const entry = this.#entries.get(id);
      if (entry?.peer === peer) this.#lose(entry, "unseen");
    }
    for (const id of answer.running) {
      const entry = this.#entries.get(id);
      if (entry?.peer === peer) entry.goneSinceMs = 0;
    }
  }

  /**
   * The broker says that nobody listens at the peer. What may be repeated need not wait for certainty, unless the peer lost its
   * connection with ours and may be back with the reply in a moment; the rest waits, in case the peer was only cut off for a second.
   */
  probeUnheard(peer: Peer, ids: readonly string[], nowMs: number): void {
    const mayReturn = nowMs - this.#returnedAtMs < PEERS_RETURN_MS;
    for (const id of ids) {
      const entry = this.#entries.get(id);
      if (entry?.peer !== peer) continue;
      const lostWithUs = mayReturn && entry.sentAtMs <= this.#returnedAtMs;
      if (entry.repeatable && !lostWithUs) this.#lose(entry, "gone");
      else if (entry.goneSinceMs === 0) entry.goneSinceMs = nowMs;
    }
  }

  /** The peer does not answer. What may be repeated need not wait for it; the rest waits. */
  peerSilent(peer: Peer, ids: readonly string[]): void {
    for (const id of ids) {
      const entry = this.#entries.get(id);
      if (entry?.peer === peer && entry.repeatable) this.#lose(entry, "silent");
    }
  }

  #lose(entry: Entry, loss: Loss): void {
    this.#entries.delete(entry.id);
    this.#onLost(entry, loss);
  }
}

/** Ids by peer, in batches that a probe can carry. */
class Batches<Peer> {
  readonly #all: { readonly peer: Peer; readonly ids: string[] }[] = [];
  readonly #open = new Map<Peer, string[]>();

  add(peer: Peer, id: string): void {
    const ids = this.#open.get(peer);
    if (ids !== undefined && ids.length < MAX_PROBED_IDS) {
      ids.push(id);
      return;
    }
    const begun = [id];
    this.#open.set(peer, begun);
    this.#all.push({ peer, ids: begun });
  }

  forEach(probe: (peer: Peer, ids: readonly string[]) => void): void {
    for (const { peer, ids } of this.#all) probe(peer, ids);
  }
}
