// One call of an application from its start to its end: what it takes over from the call it runs in, its span, its metrics, and how
// it is given up. Which way it goes is for others. A call costs one callback here, and no promise.
import { defaultMaxListeners, getMaxListeners, setMaxListeners } from "node:events";
import { type Ambient, currentAmbient } from "../call/ambient.ts";
import type { Runtime } from "../call/runtime.ts";
import {
  DEFAULT_TIMEOUT_MS,
  header,
  isMethodName,
  isServiceName,
  MAX_TIMEOUT_MS,
  MeshError,
} from "../contract/index.ts";
import type { PolicyHolder } from "../discovery/policy-holder.ts";
import { settingsOf } from "../engine/index.ts";
import { rpcSpan } from "../telemetry/rpc-semantics.ts";
import type { CallOptions } from "./call-options.ts";
import type { CallReply, OutgoingRequest, RunningCall, Settle } from "./outgoing-request.ts";

export interface CallSenderOptions {
  readonly runtime: Runtime;
  readonly principal: string;
  readonly policy: PolicyHolder;
  /** Sends it one way or the other. */
  readonly carry: (request: OutgoingRequest, settle: Settle) => RunningCall;
}

/** Told once how a call ended: `reply` is set if there is no error. */
export type OnEnd = (error: MeshError | undefined, reply: CallReply | undefined) => void;

export class CallSender {
  readonly #options: CallSenderOptions;

  constructor(options: CallSenderOptions) {
    this.#options = options;
  }

  /**
   * Sends a request; `onEnd` is called after this has returned. Throws TypeError for what cannot be sent, and `MeshError` for a call
   * that was given up before it began.
   */
  send(
    service: string,
    method: string,
    payload: Uint8Array,
    fields: string[],
    repeatable: boolean,
    options: CallOptions,
    onEnd: OnEnd,
  ): void {
    checkTarget(service, method);
    const { runtime, principal, policy, carry } = this.#options;
    const { clock, telemetry } = runtime;
    const ambient = currentAmbient();
    const now = clock.nowMs();
    const timeoutAtMs = now + timeoutOf(options);
    throwIfAborted(options.signal);
    throwIfAborted(ambient?.signal);
    const { name, attributes } = rpcSpan(service, method);
    const span = telemetry.tracer?.startSpan(name, "client", ambient?.trace, attributes);
    if (ambient !== undefined) addAmbient(fields, ambient, options);
    const request: OutgoingRequest = {
      service,
      method,
      payload,
      fields,
      deadlineAtMs: ambient === undefined ? timeoutAtMs : Math.min(timeoutAtMs, ambient.deadlineAtMs),
      repeatable: repeatable || settingsOf(policy.current, service).isIdempotent(method),
      needsRouter: options.idempotencyKey !== undefined || options.userToken !== undefined,
      span,
      trace: span?.context ?? ambient?.trace ?? telemetry.tracer?.unsampledRoot(),
    };
    telemetry.callStarted("caller", service);
    let listening: AbortListening | undefined;
    const running = carry(request, (error, reply, attempts, version) => {
      listening?.stop();
      const code = error?.status ?? "OK";
      const reason = error?.reason ?? "";
      span?.end(code, reason);
      const durationMs = clock.nowMs() - now;
      const record = { reporter: "caller", caller: principal, service, method, version } as const;
      telemetry.callEnded({ ...record, code, reason, durationMs, attempts });
      onEnd(error, reply);
    });
    if (options.signal !== undefined || ambient !== undefined)
      listening = new AbortListening(running, options.signal, ambient?.signal);
  }
}

/** Gives a call up when a signal says so. */
class AbortListening {
  readonly #signals: readonly (AbortSignal | undefined)[];
  readonly #onAbort: (event: Event) => void;

  constructor(running: RunningCall, ...signals: readonly (AbortSignal | undefined)[]) {
    this.#signals = signals;
    this.#onAbort = (event) => running.cancel(abortError((event.target as AbortSignal).reason));
    for (const signal of signals) if (signal !== undefined) listen(signal, this.#onAbort);
  }

  stop(): void {
    for (const signal of this.#signals) signal?.removeEventListener("abort", this.#onAbort);
  }
}

/**
 * As many calls as there are may hang on one signal, and each lets go of it: the warning of a leak that Node 20 prints, and later
 * ones do not, would be a false alarm.
 */
function listen(signal: AbortSignal, onAbort: (event: Event) => void): void {
  if (getMaxListeners(signal) === defaultMaxListeners) setMaxListeners(0, signal);
  signal.addEventListener("abort", onAbort);
}

function addAmbient(fields: string[], { baggage, priority }: Ambient, options: CallOptions): void {
  if (baggage !== undefined) fields.push(header.baggage, baggage);
  if (priority !== "default" && options.priority === undefined) fields.push(header.priority, priority);
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortError(signal.reason);
}

function checkTarget(service: string, method: string): void {
  if (!isServiceName(service))
    throw new TypeError(`service name ${JSON.stringify(service)}: a DNS label in lower case is expected`);
  if (!isMethodName(method))
    throw new TypeError(`method name ${JSON.stringify(method)}: a letter, then letters, digits and _ are expected`);
}

function timeoutOf(options: CallOptions): number {
  const { timeoutMs } = options;
  if (timeoutMs === undefined) return DEFAULT_TIMEOUT_MS;
  if (!Number.isFinite(timeoutMs) || timeoutMs <= 0)
    throw new TypeError(`timeoutMs: a number above 0 is expected, not ${timeoutMs}`);
  return Math.min(timeoutMs, MAX_TIMEOUT_MS);
}

/** A deadline that aborted the surrounding call stays a deadline; everything else is a cancellation. */
function abortError(reason: unknown): MeshError {
  if (reason instanceof MeshError && reason.reason === "deadline")
    return MeshError.of("deadline", "the deadline of the surrounding call passed");
  return MeshError.of("cancelled", "the call was cancelled by its caller", { cause: reason });
}
