// How long a container that ended waits until it is started again.

const MAX_MS = 60_000;
/** A container that ran so long has earned a fresh start. */
const FORGIVEN_MS = 600_000;
export const FIRST_RESTART_MS = 1_000;

export interface RestartState {
  readonly nextDelayMs: number;
}

export const NEVER_RESTARTED: RestartState = { nextDelayMs: 0 };

/** The first time at once, then 1 s and twice as long each time, 60 s at most. */
export function takeRestart(
  state: RestartState,
  ranMs: number,
): { readonly delayMs: number; readonly next: RestartState } {
  const delayMs = ranMs >= FORGIVEN_MS ? 0 : state.nextDelayMs;
  return { delayMs, next: { nextDelayMs: delayMs === 0 ? FIRST_RESTART_MS : Math.min(MAX_MS, delayMs * 2) } };
}

export function shouldRestart(policy: "Always" | "OnFailure" | "Never", exitCode: number): boolean {
  return policy === "Always" || (policy === "OnFailure" && exitCode !== 0);
}
