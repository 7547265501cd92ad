// Telemetry that does nothing: what a connection has until it is given something better. Loaded by the SDK's main entry,
// so it imports types only.
import type { Logger, Metrics, Telemetry } from "./port.ts";

function nothing(): void {}

/** Writes nothing; a child of it is itself. */
export const noopLogger: Logger = Object.freeze({
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => noopLogger,
});

/** Counts nothing. */
export const noopMetrics: Metrics = Object.freeze({
  callStarted: nothing,
  callEnded: nothing,
  attemptEnded: nothing,
  retried: nothing,
  rejected: nothing,
  framesMoved: nothing,
  breakerChanged: nothing,
  configRevision: nothing,
  credentialsExpire: nothing,
});

/** No spans, no log, no metrics. */
export const noopTelemetry: Telemetry = Object.freeze({ ...noopMetrics, tracer: undefined, log: noopLogger });
