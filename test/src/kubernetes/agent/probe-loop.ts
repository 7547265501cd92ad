// The probes of a running container, each at its own pace: startup first, the others when that has succeeded.
import { setTimeout as sleep } from "node:timers/promises";
import type { Probe } from "./objects.ts";
import { probeState, takeResult } from "./probe-state.ts";
import { type HandlerTarget, runHandler } from "./run-handler.ts";

const PERIOD_S = 10;
const TIMEOUT_S = 1;

export interface ProbeListener {
  readonly onStarted: () => void;
  readonly onReady: (ready: boolean) => void;
  /** It should be killed, and why. */
  readonly onDead: (reason: string) => void;
}

/** Runs until `signal`. Without a probe a container counts as started, and as ready, at once. */
export async function runProbes(target: HandlerTarget, listener: ProbeListener, signal: AbortSignal): Promise<void> {
  const { startupProbe, readinessProbe, livenessProbe } = target.container;
  if (startupProbe !== undefined) {
    const done = new AbortController();
    let started = false;
    const onChange = (good: boolean, reason: string): void => {
      if (!good) listener.onDead(`startup probe: ${reason}`);
      started = good;
      done.abort();
    };
    await repeat(startupProbe, target, undefined, onChange, AbortSignal.any([signal, done.signal]));
    if (!started) return;
  }
  listener.onStarted();
  if (readinessProbe === undefined) listener.onReady(true);
  const onLiveness = (alive: boolean, reason: string): void => {
    if (!alive) listener.onDead(`liveness probe: ${reason}`);
  };
  await Promise.all([
    readinessProbe && repeat(readinessProbe, target, false, listener.onReady, signal),
    livenessProbe && repeat(livenessProbe, target, true, onLiveness, signal),
  ]);
}

/** `assumed`: what holds until results say otherwise; undefined: nothing yet. */
async function repeat(
  probe: Probe,
  target: HandlerTarget,
  assumed: boolean | undefined,
  onChange: (good: boolean, reason: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { initialDelaySeconds = 0, periodSeconds = PERIOD_S, timeoutSeconds = TIMEOUT_S } = probe;
  let state = probeState(assumed);
  await pause(initialDelaySeconds * 1000, signal);
  while (!signal.aborted) {
    const reason = await runHandler(probe, target, timeoutSeconds * 1000);
    if (signal.aborted) return;
    const before = state.holds;
    state = takeResult(state, reason === undefined, probe);
    if (state.holds !== undefined && state.holds !== before) onChange(state.holds, reason ?? "");
    await pause(periodSeconds * 1000, signal);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
