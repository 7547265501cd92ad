// An exporter that tells the log when spans are lost, at most once a minute, and keeps every fault to itself.
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace-base";
import type { Logger } from "./port.ts";

type Done = Parameters<SpanExporter["export"]>[1];

const REPORT_INTERVAL_MS = 60_000;

export class ReportingExporter implements SpanExporter {
  readonly #inner: SpanExporter;
  readonly #log: Logger;
  readonly #nowMs: () => number;
  #lost = 0;
  #reportedAtMs = Number.NEGATIVE_INFINITY;

  constructor(inner: SpanExporter, log: Logger, nowMs: () => number) {
    this.#inner = inner;
    this.#log = log;
    this.#nowMs = nowMs;
  }

  export(spans: ReadableSpan[], done: Done): void {
    try {
      this.#inner.export(spans, (result) => {
        if (result.error !== undefined) this.#report(spans.length, result.error);
        done(result);
      });
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      this.#report(spans.length, error);
      done({ code: 1, error });
    }
  }

  shutdown(): Promise<void> {
    return this.#inner.shutdown();
  }

  async forceFlush(): Promise<void> {
    await this.#inner.forceFlush?.();
  }

  #report(spans: number, error: Error): void {
    this.#lost += spans;
    const now = this.#nowMs();
    if (now - this.#reportedAtMs < REPORT_INTERVAL_MS) return;
    this.#log.warn(
      { lostSpans: this.#lost, cause: error.message },
      "spans could not be exported; is the OTLP endpoint right and up?",
    );
    this.#lost = 0;
    this.#reportedAtMs = now;
  }
}
