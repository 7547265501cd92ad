// What the live view shows of each service: rates over the last interval, quantiles of it, who serves.
import type { Registry } from "@malla/sdk/discovery";
import { addCounts, type CallCounts, emptyCounts, quantileMs } from "./call-counts.ts";

export interface ServiceRow {
  readonly service: string;
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Share of calls the mesh carried to an answer, in percent. */
  readonly successPercent: number;
  readonly refusedPerSecond: number;
  readonly retriesPerSecond: number;
  readonly failed: number;
  /** `1.2.0 ×2, 2.0.0 ×1` */
  readonly instances: string;
}

/** Rows of every service that was called or is there, by name. */
export function serviceRows(before: CallCounts, now: CallCounts, seconds: number, registry: Registry): ServiceRow[] {
  const delta = addCounts(addCounts(new Map(), now), before, -1);
  const names = new Set([...now.keys(), ...[...registry.services()].map(({ name }) => name)]);
  return [...names].sort().map((service) => {
    const counts = delta.get(service) ?? emptyCounts();
    const calls = Math.max(counts.calls, 0);
    return {
      service,
      callsPerSecond: calls / seconds,
      p50Ms: quantileMs(counts.buckets, 0.5),
      p99Ms: quantileMs(counts.buckets, 0.99),
      successPercent: calls === 0 ? 100 : ((calls - counts.failed) / calls) * 100,
      refusedPerSecond: counts.refused / seconds,
      retriesPerSecond: counts.retries / seconds,
      failed: now.get(service)?.failed ?? 0,
      instances: describeInstances(service, registry),
    };
  });
}

function describeInstances(service: string, registry: Registry): string {
  const versions = new Map<string, number>();
  for (const { version, phase } of registry.service(service)?.instances.values() ?? []) {
    if (phase === "serving") versions.set(version, (versions.get(version) ?? 0) + 1);
  }
  return (
    [...versions]
      .sort()
      .map(([version, count]) => `${version} ×${count}`)
      .join(", ") || "-"
  );
}
