// Every call this router carries now: to find it by the caller's id for a cancel or a probe, and to count.
import { BurnedIds, type Dispatch, FinishedReplies, IdTable } from "@malla/sdk/call";
import type { ProbeAnswer } from "@malla/sdk/contract";

/** Ids declared unseen that are remembered, so that a request that comes after all does not run; the oldest are forgotten. */
export const MAX_BURNED = 50_000;
/** Of these, those of one principal: whoever probes for ids by the thousand forgets his own. */
export const MAX_BURNED_PER_PRINCIPAL = 5_000;

/** Principals that stay known while they call nothing. */
const KEPT_PRINCIPALS = 1_000;

export interface ActiveCall {
  /** The caller's own id of it. */
  readonly id: string;
  readonly principal: string;
  /** Headers and payload, held until it has ended. */
  readonly bytes: number;
  dispatch: Dispatch | undefined;
}

/** What one principal has in flight here. */
export interface PrincipalUse {
  readonly calls: number;
  readonly bytes: number;
}

const NOTHING: PrincipalUse = Object.freeze({ calls: 0, bytes: 0 });

export class ActiveCalls {
  readonly #calls = new IdTable<ActiveCall>();
  readonly #byPrincipal = new Map<string, { calls: number; bytes: number }>();
  readonly #burned = new BurnedIds(MAX_BURNED, MAX_BURNED_PER_PRINCIPAL);
  readonly finished = new FinishedReplies();
  #bytes = 0;
  #idle: (() => void)[] = [];

  get size(): number {
    return this.#calls.size;
  }

  /** Headers and payloads of all of them. */
  get bytes(): number {
    return this.#bytes;
  }

  useOf(principal: string): PrincipalUse {
    return this.#byPrincipal.get(principal) ?? NOTHING;
  }

  /** False for an id that is running or was burned: such a request came twice, or too late. */
  mayStart(callId: string, principal: string): boolean {
    return !this.#calls.has(callId) && !this.#burned.has(principal, callId);
  }

  /** Whether a call of this id was answered not long ago. */
  hasFinished(callId: string, principal: string): boolean {
    return this.finished.has(callId, principal);
  }

  /** Whether a call of this id is running for somebody else. */
  isOthers(callId: string, principal: string): boolean {
    const call = this.#calls.get(callId);
    return call !== undefined && call.principal !== principal;
  }

  start(call: ActiveCall): void {
    this.#calls.add(call);
    this.#bytes += call.bytes;
    const use = this.#byPrincipal.get(call.principal);
    if (use === undefined) this.#byPrincipal.set(call.principal, { calls: 1, bytes: call.bytes });
    else {
      use.calls++;
      use.bytes += call.bytes;
    }
  }

  end(call: ActiveCall): void {
    if (!this.#calls.delete(call.id)) return;
    this.#bytes -= call.bytes;
    const use = this.#byPrincipal.get(call.principal);
    if (use !== undefined) {
      use.calls--;
      use.bytes -= call.bytes;
      // One who calls will call again: only where they are many is it worth to forget those who do nothing.
      if (use.calls === 0 && this.#byPrincipal.size > KEPT_PRINCIPALS) this.#byPrincipal.delete(call.principal);
    }
    if (this.#calls.size > 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }

  find(callId: string, principal: string): ActiveCall | undefined {
    const call = this.#calls.get(callId);
    return call?.principal === principal ? call : undefined;
  }

  all(): Iterable<ActiveCall> {
    return this.#calls.values();
  }

  /** What is known of a caller's ids. An id not seen is burned: it will never run here. */
  probe(principal: string, ids: readonly string[]): ProbeAnswer {
    const running: string[] = [];
    const done: string[] = [];
    const unseen: string[] = [];
    // Once each: a list that names one id a thousand times must not bring its reply a thousand times.
    for (const id of new Set(ids)) {
      if (this.find(id, principal) !== undefined) running.push(id);
      else if (this.hasFinished(id, principal)) done.push(id);
      else {
        this.#burned.add(principal, id);
        unseen.push(id);
      }
    }
    return { running, done, unseen };
  }

  /** Resolves when no call is carried any more. */
  async whenIdle(): Promise<void> {
    if (this.#calls.size === 0) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }
}
