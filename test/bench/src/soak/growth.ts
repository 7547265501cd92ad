// Whether something grows: over hours a leak is a line that rises, and everything else is noise around one that does not.
import { median } from "../median.ts";

/** Left out at the start, as a share of the samples: code is compiled, pools fill. */
const SETTLING_SHARE = 0.2;
const MS_AN_HOUR = 3_600_000;
/** Fewer samples than this say nothing. */
const FEWEST = 5;

export interface Sample {
  readonly atMs: number;
  readonly value: number;
}

/** What may come of noise: as a share of the value and in itself, whichever is more. */
export interface Tolerance {
  readonly share: number;
  readonly least: number;
}

export interface Growth {
  readonly first: number;
  readonly last: number;
  /** Of the line through the samples, settling left out. */
  readonly slopePerHour: number;
  /** What that slope adds from the first of these samples to the last. */
  readonly growth: number;
  readonly grows: boolean;
}

/** By the median of the slopes between all pairs of samples, which a few wild ones do not move. Throws for too few. */
export function growthOf(samples: readonly Sample[], { share, least }: Tolerance): Growth {
  const settled = samples.slice(Math.floor(samples.length * SETTLING_SHARE));
  const [first, last] = [settled[0], settled.at(-1)];
  if (settled.length < FEWEST || first === undefined || last === undefined)
    throw new Error(`${samples.length} samples are too few to see whether anything grows`);
  const slope = medianSlope(settled);
  const growth = slope * (last.atMs - first.atMs);
  const usual = settled.reduce((sum, { value }) => sum + value, 0) / settled.length;
  return {
    first: first.value,
    last: last.value,
    slopePerHour: slope * MS_AN_HOUR,
    growth,
    grows: growth > Math.max(usual * share, least),
  };
}

function medianSlope(samples: readonly Sample[]): number {
  const slopes: number[] = [];
  for (const [i, before] of samples.entries()) {
    for (const after of samples.slice(i + 1)) {
      if (after.atMs > before.atMs) slopes.push((after.value - before.value) / (after.atMs - before.atMs));
    }
  }
  return median(slopes);
}
