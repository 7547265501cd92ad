// Counts of calls by service, taken from routers' metrics: sums that can be added, and subtracted to get a rate.
import type { Sample } from "./prometheus-text.ts";

export interface ServiceCounts {
  calls: number;
  /** The application's own no. */
  refused: number;
  /** Lost or refused by the mesh. */
  failed: number;
  retries: number;
  /** Cumulative counts by upper bound in seconds, as histograms have them. */
  buckets: Map<number, number>;
}

export type CallCounts = Map<string, ServiceCounts>;

export function emptyCounts(): ServiceCounts {
  return { calls: 0, refused: 0, failed: 0, retries: 0, buckets: new Map() };
}

/** What one router has carried since it started. */
export function countCalls(samples: readonly Sample[]): CallCounts {
  const counts: CallCounts = new Map();
  const of = (service: string): ServiceCounts => {
    let found = counts.get(service);
    if (found === undefined) {
      found = emptyCounts();
      counts.set(service, found);
    }
    return found;
  };
  for (const { name, labels, value } of samples) {
    const service = labels["service"];
    if (service === undefined) continue;
    if (name === "mesh_retries_total") of(service).retries += value;
    if (labels["reporter"] !== "router") continue;
    if (name === "mesh_requests_total") {
      const entry = of(service);
      entry.calls += value;
      if (labels["reason"] === "application") entry.refused += value;
      else if (labels["code"] !== "OK") entry.failed += value;
    } else if (name === "mesh_request_duration_seconds_bucket") {
      const { buckets } = of(service);
      const bound = labels["le"] === "+Inf" ? Number.POSITIVE_INFINITY : Number(labels["le"]);
      buckets.set(bound, (buckets.get(bound) ?? 0) + value);
    }
  }
  return counts;
}

/** Adds `more` times `factor` to `sum`. */
export function addCounts(sum: CallCounts, more: CallCounts, factor: 1 | -1 = 1): CallCounts {
  for (const [service, counts] of more) {
    const entry = sum.get(service) ?? emptyCounts();
    entry.calls += factor * counts.calls;
    entry.refused += factor * counts.refused;
    entry.failed += factor * counts.failed;
    entry.retries += factor * counts.retries;
    for (const [bound, count] of counts.buckets)
      entry.buckets.set(bound, (entry.buckets.get(bound) ?? 0) + factor * count);
    sum.set(service, entry);
  }
  return sum;
}

/** All services together. */
export function totalCounts(counts: CallCounts): ServiceCounts {
  const total: CallCounts = new Map();
  for (const one of counts.values()) addCounts(total, new Map([["", one]]));
  return total.get("") ?? emptyCounts();
}

/**
 * A quantile in ms, interpolated within its bucket as Prometheus's `histogram_quantile` does; in the last bucket its lower
 * bound. 0 without calls.
 */
export function quantileMs(buckets: ReadonlyMap<number, number>, quantile: number): number {
  const bounds = [...buckets.keys()].sort((a, b) => a - b);
  const total = buckets.get(Number.POSITIVE_INFINITY) ?? 0;
  if (total <= 0) return 0;
  const rank = quantile * total;
  let lower = 0;
  let below = 0;
  for (const bound of bounds) {
    const count = buckets.get(bound) ?? 0;
    if (count >= rank) {
      if (bound === Number.POSITIVE_INFINITY) return lower * 1000;
      const share = count === below ? 1 : (rank - below) / (count - below);
      return (lower + (bound - lower) * share) * 1000;
    }
    lower = bound;
    below = count;
  }
  return lower * 1000;
}
