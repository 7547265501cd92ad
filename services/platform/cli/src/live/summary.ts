// What a run under load came to: one object for programs, one line for people.
import { addCounts, type CallCounts, quantileMs, totalCounts } from "./call-counts.ts";

/** Of a thousand calls the mesh may lose one. */
const MAX_FAILED_SHARE = 0.001;

export interface Summary {
  readonly durationSeconds: number;
  /** Calls the routers carried, nested ones too. */
  readonly calls: number;
  readonly succeeded: number;
  /** By the application itself. */
  readonly refused: number;
  /** By the mesh. */
  readonly failed: number;
  readonly retries: number;
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly services: Readonly<Record<string, ServiceSummary>>;
}

export interface ServiceSummary {
  readonly calls: number;
  readonly failed: number;
  readonly p99Ms: number;
}

/** What happened between two counts. Services that were not called in between are left out. */
export function summarise(before: CallCounts, after: CallCounts, seconds: number): Summary {
  const delta = addCounts(addCounts(new Map(), after), before, -1);
  const { calls, refused, failed, retries, buckets } = totalCounts(delta);
  const services = [...delta].filter(([, counts]) => counts.calls > 0).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    durationSeconds: round(seconds),
    calls,
    succeeded: calls - refused - failed,
    refused,
    failed,
    retries,
    callsPerSecond: Math.round(calls / seconds),
    p50Ms: round(quantileMs(buckets, 0.5)),
    p99Ms: round(quantileMs(buckets, 0.99)),
    services: Object.fromEntries(
      services.map(([service, own]) => [
        service,
        { calls: own.calls, failed: own.failed, p99Ms: round(quantileMs(own.buckets, 0.99)) },
      ]),
    ),
  };
}

/** Some calls were made, and the mesh lost at most one in a thousand. */
export function isGood({ calls, failed }: Summary): boolean {
  return calls > 0 && failed <= calls * MAX_FAILED_SHARE;
}

export function summaryLine(summary: Summary): string {
  const { calls, succeeded, refused, failed, retries, callsPerSecond, p50Ms, p99Ms, durationSeconds } = summary;
  return [
    `${calls} calls in ${durationSeconds} s (${callsPerSecond}/s): ${succeeded} succeeded, ${refused} refused by the shop,`,
    `${failed} failed, ${retries} retries; p50 ${p50Ms} ms, p99 ${p99Ms} ms`,
  ].join(" ");
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
