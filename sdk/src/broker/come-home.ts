// A connection that had to go elsewhere goes back to its home when that is there again: after a rolling restart the load spreads by
// itself, and nobody has to tell anybody.

/**
 * How often home is looked for, in ms: between these two, by chance. Often enough that a restart of three servers has spread out
 * again before the next maintenance step, seldom enough that ten thousand connections whose home is gone for long dial it a few
 * hundred times a second and not more; and by chance, so that they do not return in one instant.
 */
export const LOOK_FOR_HOME_MIN_MS = 10_000;
export const LOOK_FOR_HOME_MAX_MS = 30_000;

export interface HomePorts {
  /** Resolves after so many ms; rejects when the connection was closed. */
  readonly pause: (ms: number) => Promise<void>;
  readonly random: () => number;
  /** Connected, and not to the home server. */
  readonly isAway: () => boolean;
  /** Tries to move there. */
  readonly goHome: () => Promise<unknown>;
  readonly minMs: number;
  readonly maxMs: number;
}

/** Goes on until `pause` rejects; never rejects itself. */
export async function comeHome({ pause, random, isAway, goHome, minMs, maxMs }: HomePorts): Promise<void> {
  for (;;) {
    try {
      await pause(minMs + random() * (maxMs - minMs));
    } catch {
      return;
    }
    if (isAway()) await goHome().catch(() => undefined);
  }
}
