// Telemetry that remembers what it was told.
import type { Reason } from "../contract/reasons.ts";
import type {
  AttemptRecord,
  BreakerState,
  CallRecord,
  FrameDirection,
  Logger,
  Reporter,
  Telemetry,
  Tracer,
} from "../telemetry/port.ts";
import type { RefusalStage } from "../telemetry/refusal-stages.ts";

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly facts: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export class RecordedTelemetry implements Telemetry {
  readonly tracer: Tracer | undefined;
  readonly lines: LogLine[] = [];
  readonly calls: CallRecord[] = [];
  readonly attempts: AttemptRecord[] = [];
  readonly retries: { service: string; reason: Reason }[] = [];
  readonly rejections: { stage: RefusalStage; reason: Reason }[] = [];
  readonly frames: {
    readonly reporter: Reporter;
    readonly service: string;
    readonly direction: FrameDirection;
    readonly frames: number;
    readonly bytes: number;
  }[] = [];
  readonly breakerChanges: { service: string; instance: string; state: BreakerState }[] = [];
  readonly revisions: number[] = [];
  readonly expiries: (number | undefined)[] = [];
  readonly log: Logger = this.#logger({});
  readonly #inFlight = new Map<string, number>();

  constructor(tracer?: Tracer) {
    this.tracer = tracer;
  }

  /** Calls that have begun and not ended, by reporter and service; those at 0 are left out. */
  get inFlight(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#inFlight].filter(([, count]) => count !== 0));
  }

  callStarted(reporter: Reporter, service: string): void {
    this.#count(reporter, service, 1);
  }

  callEnded(record: CallRecord): void {
    this.#count(record.reporter, record.service, -1);
    this.calls.push(record);
  }

  attemptEnded(record: AttemptRecord): void {
    this.attempts.push(record);
  }

  retried(service: string, reason: Reason): void {
    this.retries.push({ service, reason });
  }

  rejected(stage: RefusalStage, reason: Reason): void {
    this.rejections.push({ stage, reason });
  }

  framesMoved(reporter: Reporter, service: string, direction: FrameDirection, frames: number, bytes: number): void {
    this.frames.push({ reporter, service, direction, frames, bytes });
  }

  breakerChanged(service: string, instance: string, state: BreakerState): void {
    this.breakerChanges.push({ service, instance, state });
  }

  configRevision(revision: number): void {
    this.revisions.push(revision);
  }

  credentialsExpire(atMs: number | undefined): void {
    this.expiries.push(atMs);
  }

  #count(reporter: Reporter, service: string, by: number): void {
    const key = `${reporter} ${service}`;
    this.#inFlight.set(key, (this.#inFlight.get(key) ?? 0) + by);
  }

  #logger(bound: object): Logger {
    const write =
      (level: LogLine["level"]) =>
      (facts: object, message: string): void => {
        this.lines.push({ level, facts: { ...bound, ...facts }, message });
      };
    return {
      debug: write("debug"),
      info: write("info"),
      warn: write("warn"),
      error: write("error"),
      child: (facts) => this.#logger({ ...bound, ...facts }),
    };
  }
}
