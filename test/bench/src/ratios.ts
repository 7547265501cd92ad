// What a row is against the same cell of those it is compared with.
import { cellKey, type Row } from "./cell.ts";

/** Whom everybody is compared with, in the order of the columns. */
export const REFERENCES = ["http-envoy-pair", "http", "nats-request", "nats-limit"] as const;

export interface Ratio {
  readonly reference: string;
  /** Above 1: more calls a second than the reference. */
  readonly callsPerSecond: number;
  /** Below 1: faster. */
  readonly p50: number;
  /** Below 1: cheaper. */
  readonly cpu: number;
}

/** A row in which more than one call in a hundred failed says nothing of speed. */
function isBroken({ calls, failed }: Row): boolean {
  return failed * 100 > calls || calls === 0;
}

/** One for each reference that was measured in the row's cell, its own left out. */
export function ratiosOf(row: Row, rows: readonly Row[]): readonly Ratio[] {
  const key = cellKey(row, row.tls);
  return REFERENCES.flatMap((reference) => {
    const other = rows.find(({ contender, ...rest }) => contender === reference && cellKey(rest, rest.tls) === key);
    if (other === undefined || reference === row.contender || isBroken(row) || isBroken(other)) return [];
    return [
      {
        reference,
        callsPerSecond: row.callsPerSecond / other.callsPerSecond,
        p50: row.p50Ms / other.p50Ms,
        cpu: row.cpuMicrosPerCall / other.cpuMicrosPerCall,
      },
    ];
  });
}
