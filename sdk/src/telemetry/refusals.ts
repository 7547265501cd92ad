// What was refused: counted, and written down once with who did it and why.
import type { Reason } from "../contract/reasons.ts";
import { BoundedLines } from "./bounded-lines.ts";
import type { Telemetry } from "./port.ts";
import type { RefusalStage } from "./refusal-stages.ts";

/** A subject in a log line is cut after this, in characters: whoever sent it chose its length. */
const MAX_SUBJECT_LENGTH = 128;

export interface Refusal {
  readonly stage: RefusalStage;
  readonly reason: Reason;
  /** Who did it, as the subject proves; empty if it proves nobody. */
  readonly principal: string;
  /** For people: what is wrong with it. Never holds what it carried: no header value, no payload. */
  readonly problem: string;
  readonly service?: string | undefined;
  readonly method?: string | undefined;
  /** A subject it would have reached or come from. */
  readonly subject?: string | undefined;
  /** What the broker refused: publish or subscription. */
  readonly operation?: string | undefined;
}

export class Refusals {
  readonly #telemetry: Telemetry;
  readonly #lines: BoundedLines;

  constructor(telemetry: Telemetry, nowMs: () => number, after: (ms: number, call: () => void) => void) {
    this.#telemetry = telemetry;
    this.#lines = new BoundedLines({ log: telemetry.log, nowMs, after });
  }

  /** Counts it, and writes one line; a flood of one principal is cut, and how much was left out is told. */
  refused(refusal: Refusal): void {
    const { stage, reason, principal, problem, service, method, subject, operation } = refusal;
    this.#telemetry.rejected(stage, reason);
    if (!this.#lines.mayWrite(principal)) return;
    this.#telemetry.log.warn(
      {
        stage,
        reason,
        principal,
        ...(service === undefined ? {} : { service }),
        ...(method === undefined ? {} : { method }),
        ...(operation === undefined ? {} : { operation }),
        ...(subject === undefined ? {} : { subject: subject.slice(0, MAX_SUBJECT_LENGTH) }),
      },
      `refused: ${problem}`,
    );
  }
}
