// What a soak comes to: every measure of every process, and which of them grow.
import { type Growth, growthOf, type Sample, type Tolerance } from "./growth.ts";

const MIB = 2 ** 20;

/** In one process at one time; what a process does not have is left out. */
export interface VitalSigns {
  /** Resident memory. */
  readonly rssBytes: number;
  /** Used after a full collection; of Node alone. */
  readonly heapBytes?: number;
  /** Open files and sockets. */
  readonly files: number;
  /** What keeps its event loop alive: timers, sockets, requests; of Node alone. */
  readonly resources?: number;
  /** Lines of its metrics. */
  readonly series?: number;
}

export interface Observation {
  readonly atMs: number;
  readonly process: string;
  readonly signs: VitalSigns;
}

export type Measure = keyof VitalSigns;

/** The process frees memory when it likes, so that resident memory wanders; counts do not. */
const TOLERANCES: Readonly<Record<Measure, Tolerance>> = {
  rssBytes: { share: 0.15, least: 16 * MIB },
  heapBytes: { share: 0.1, least: 2 * MIB },
  files: { share: 0, least: 3 },
  resources: { share: 0.1, least: 5 },
  series: { share: 0, least: 2 },
};

export interface Verdict {
  readonly processes: Readonly<Record<string, Readonly<Partial<Record<Measure, Growth>>>>>;
  /** A line for each that grows. */
  readonly grows: readonly string[];
}

/** Throws if there are too few observations of a process. */
export function judgeSoak(observations: readonly Observation[]): Verdict {
  const names = [...new Set(observations.map(({ process }) => process))];
  const processes = Object.fromEntries(
    names.map((name) => [name, growthsOf(observations.filter(({ process }) => process === name))]),
  );
  const grows = Object.entries(processes).flatMap(([name, growths]) =>
    Object.entries(growths)
      .filter(([, growth]) => growth.grows)
      .map(([measure, { first, growth }]) => `${measure} of ${name} grew by ${Math.round(growth)} from ${first}`),
  );
  return { processes, grows };
}

function growthsOf(observations: readonly Observation[]): Partial<Record<Measure, Growth>> {
  const growths: Partial<Record<Measure, Growth>> = {};
  for (const measure of Object.keys(TOLERANCES) as Measure[]) {
    const samples = observations.flatMap(({ atMs, signs }): Sample[] => {
      const value = signs[measure];
      return value === undefined ? [] : [{ atMs, value }];
    });
    if (samples.length > 0) growths[measure] = growthOf(samples, TOLERANCES[measure]);
  }
  return growths;
}
