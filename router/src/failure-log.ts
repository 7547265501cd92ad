// One line for each failed call, and no more than a reader can take: a flood of the same failure is counted, not written.
import type { Exchange } from "@malla/sdk/call";
import type { CallTarget, MeshError } from "@malla/sdk/contract";
import type { Logger } from "@malla/sdk/telemetry";

/** Lines of one kind a second; beyond, one line tells how many were left out. */
export const MAX_LINES_PER_SECOND = 20;

export class FailureLog {
  readonly #log: Logger;
  readonly #nowMs: () => number;
  #second = 0;
  #lines = 0;
  #leftOut = 0;

  constructor(log: Logger, nowMs: () => number) {
    this.#log = log;
    this.#nowMs = nowMs;
  }

  /** A call that was opened and failed. An application's own refusal is its business and only a debug line. */
  failed(exchange: Exchange, error: MeshError): void {
    const facts = {
      service: exchange.targetService,
      method: exchange.targetMethod,
      caller: exchange.principal,
      status: error.status,
      reason: error.reason,
      origin: error.origin,
      attempts: exchange.attempts,
      durationMs: Math.round(this.#nowMs() - exchange.startedAtMs),
      ...(exchange.parent === undefined ? {} : { traceId: exchange.parent.traceId }),
    };
    if (error.reason === "application") this.#log.debug(facts, error.message);
    else if (this.#mayWrite()) this.#log.warn(facts, error.message);
  }

  /** A call that was refused before it was opened. */
  refused(target: CallTarget, error: MeshError): void {
    if (!this.#mayWrite()) return;
    this.#log.warn(
      {
        service: target.service,
        method: target.method,
        caller: target.principal,
        status: error.status,
        reason: error.reason,
      },
      error.message,
    );
  }

  /** What policies in audit mode would have refused. */
  audited(exchange: Exchange, rules: readonly string[]): void {
    if (!this.#mayWrite()) return;
    const { targetService, targetMethod, principal } = exchange;
    this.#log.info(
      { service: targetService, method: targetMethod, caller: principal, rules },
      "an AccessPolicy in audit mode would have refused this call",
    );
  }

  /** A fault of the router itself. */
  unexpected(error: unknown): void {
    if (this.#mayWrite()) this.#log.error({ err: error }, "the router failed at a call");
  }

  #mayWrite(): boolean {
    const second = Math.floor(this.#nowMs() / 1000);
    if (second !== this.#second) {
      if (this.#leftOut > 0) this.#log.warn({ leftOut: this.#leftOut }, "more failures were left out of the log");
      this.#second = second;
      this.#lines = 0;
      this.#leftOut = 0;
    }
    this.#lines++;
    if (this.#lines <= MAX_LINES_PER_SECOND) return true;
    this.#leftOut++;
    return false;
  }
}
