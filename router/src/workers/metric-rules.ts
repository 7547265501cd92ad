// How a metric of several workers becomes one. router/docs/workers.md says the same, and is tested equal to it.

export type MetricRule = "sum" | "max" | "min";

/** Counters and histograms only grow, and each worker counts what it alone has seen. */
export const RULE_OF_COUNTS: MetricRule = "sum";

/** By gauge. One that is not named here is taken at its largest. */
export const GAUGE_RULES: Readonly<Record<string, MetricRule>> = {
  mesh_requests_in_flight: "sum",
  /** Each worker ejects for itself: the worst is told. */
  mesh_breaker_state: "max",
  /** A revision is in force when the last worker has it. */
  mesh_config_revision: "min",
  /** The first to end is told. */
  mesh_credentials_expiry_timestamp_seconds: "min",
  process_start_time_seconds: "min",
  process_resident_memory_bytes: "sum",
  process_virtual_memory_bytes: "sum",
  process_heap_bytes: "sum",
  process_open_fds: "sum",
  process_max_fds: "min",
  nodejs_eventloop_lag_seconds: "max",
  nodejs_eventloop_lag_min_seconds: "min",
  nodejs_eventloop_lag_max_seconds: "max",
  nodejs_eventloop_lag_mean_seconds: "max",
  nodejs_eventloop_lag_stddev_seconds: "max",
  nodejs_eventloop_lag_p50_seconds: "max",
  nodejs_eventloop_lag_p90_seconds: "max",
  nodejs_eventloop_lag_p99_seconds: "max",
  nodejs_active_resources: "sum",
  nodejs_active_handles: "sum",
  nodejs_active_requests: "sum",
  nodejs_heap_size_total_bytes: "sum",
  nodejs_heap_size_used_bytes: "sum",
  nodejs_external_memory_bytes: "sum",
  nodejs_heap_space_size_total_bytes: "sum",
  nodejs_heap_space_size_used_bytes: "sum",
  nodejs_heap_space_size_available_bytes: "sum",
  nodejs_version_info: "max",
};

export const RULE_OF_OTHER_GAUGES: MetricRule = "max";

export function ruleOf(name: string, type: string): MetricRule {
  if (type === "counter" || type === "histogram" || type === "summary") return RULE_OF_COUNTS;
  return GAUGE_RULES[name] ?? RULE_OF_OTHER_GAUGES;
}
