// Judges a ledger: what became of every call, whatever was done to the mesh meanwhile.
import { callerOf, type Ended, type Ledger, type Sent } from "./journal.ts";

/** A caller has so long after a call's deadline, in µs, and as long as its own process was kept from running. */
const GRACE_US = 100_000;

export interface Verdict {
  readonly calls: number;
  /** By outcome: `OK`, or the reason of the error. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly idempotentFailed: readonly string[];
  readonly ranTwice: readonly string[];
  readonly lateStarts: readonly string[];
  /** Calls that never ended, or ended later than their deadline allows, at a caller that was there. */
  readonly hung: readonly string[];
  /** Answered with success although no handler began. */
  readonly madeUp: readonly string[];
  readonly longestGapMs: number;
  /** By service. */
  readonly gapsMs: Readonly<Record<string, number>>;
}

export function judge({ sent, ended, ran, finished }: Ledger): Verdict {
  const ends = new Map(ended.map((end) => [end.id, end]));
  const runs = new Map<string, number>();
  for (const { id } of ran) runs.set(id, (runs.get(id) ?? 0) + 1);
  const calls = new Map(sent.map((call) => [call.id, call]));
  const withEnd = sent.flatMap((call) => {
    const end = ends.get(call.id);
    return end === undefined ? [] : [{ call, end }];
  });
  const gapsMs = longestGaps(withEnd);
  return {
    calls: sent.length,
    outcomes: tally(ended),
    idempotentFailed: withEnd
      .filter(({ call, end }) => call.kind === "read" && end.outcome !== "OK")
      .map(({ call, end }) => `${call.id} ${end.outcome}`),
    ranTwice: sent.filter(({ id, kind }) => kind === "write" && (runs.get(id) ?? 0) > 1).map(({ id }) => id),
    lateStarts: ran
      .map((run) => ({ ...run, lateUs: run.atUs - (calls.get(run.id)?.deadlineUs ?? 0) }))
      .filter(({ lateUs }) => lateUs > 0)
      .map(({ id, instance, lateUs }) => `${id} began ${Math.ceil(lateUs / 1000)} ms late at ${instance}`),
    hung: [
      ...sent.filter(({ id }) => !ends.has(id) && finished.has(callerOf(id))).map(({ id }) => `${id} never ended`),
      ...withEnd
        .filter(({ call, end }) => end.atUs > call.deadlineUs + GRACE_US + end.lagUs)
        .map(
          ({ call, end }) =>
            `${call.id} ended ${toMs(end.atUs - call.deadlineUs)} ms late (${end.outcome}, own lag ${toMs(end.lagUs)} ms)`,
        ),
    ],
    madeUp: withEnd.filter(({ call, end }) => end.outcome === "OK" && !runs.has(call.id)).map(({ call }) => call.id),
    longestGapMs: Math.max(0, ...Object.values(gapsMs)),
    gapsMs,
  };
}

function toMs(us: number): number {
  return Math.round(us / 1000);
}

function tally(ended: readonly Ended[]): Record<string, number> {
  const outcomes: Record<string, number> = {};
  for (const { outcome } of ended) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  return outcomes;
}

/** By service, the longest time between two calls that ended well, from the first call sent to the last end. */
function longestGaps(calls: readonly { readonly call: Sent; readonly end: Ended }[]): Record<string, number> {
  const byService = new Map<string, number[]>();
  for (const { call, end } of calls) {
    const instants = byService.get(call.service) ?? [call.atUs];
    byService.set(call.service, instants);
    if (call.atUs < (instants[0] as number)) instants[0] = call.atUs;
    if (end.outcome === "OK") instants.push(end.atUs);
  }
  return Object.fromEntries(
    [...byService].map(([service, instants]) => {
      const sorted = instants.toSorted((a, b) => a - b);
      const longest = sorted.slice(1).reduce((most, at, i) => Math.max(most, at - (sorted[i] as number)), 0);
      return [service, Math.round(longest / 1000)];
    }),
  );
}
