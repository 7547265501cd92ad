// One line for each failed call, and no more than a reader can take: a flood of the same failure is counted, not written.
import type { Clock, Exchange, Runtime } from "@malla/sdk/call";
import type { MeshError } from "@malla/sdk/contract";
import { BoundedLines, type Logger } from "@malla/sdk/telemetry";

export class FailureLog {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #lines: BoundedLines;

  constructor({ telemetry, clock, timers }: Pick<Runtime, "telemetry" | "clock" | "timers">) {
    this.#log = telemetry.log;
    this.#clock = clock;
    this.#lines = new BoundedLines({
      log: telemetry.log,
      nowMs: () => clock.nowMs(),
      after: (ms, call) => void timers.schedule(ms, call),
    });
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
      durationMs: Math.round(this.#clock.nowMs() - exchange.startedAtMs),
      ...(exchange.parent === undefined ? {} : { traceId: exchange.parent.traceId }),
    };
    if (error.reason === "application") this.#log.debug(facts, error.message);
    else if (this.#lines.mayWrite(exchange.principal)) this.#log.warn(facts, error.message);
  }

  /** What policies in audit mode would have refused. */
  audited(exchange: Exchange, rules: readonly string[]): void {
    const { targetService, targetMethod, principal } = exchange;
    if (!this.#lines.mayWrite(principal)) return;
    this.#log.info(
      { service: targetService, method: targetMethod, caller: principal, rules },
      "an AccessPolicy in audit mode would have refused this call",
    );
  }

  /** A fault of the router itself. */
  unexpected(principal: string, error: unknown): void {
    if (this.#lines.mayWrite(principal))
      this.#log.error({ caller: principal, err: error }, "the router failed at a call");
  }
}
