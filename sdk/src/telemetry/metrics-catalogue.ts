// Every metric of the mesh: the one home of their names, types, help texts, labels and buckets. sdk/docs/telemetry.md is
// tested equal to it.

export type MetricType = "counter" | "gauge" | "histogram";

export interface MetricRow {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram, in seconds. */
  readonly buckets?: readonly number[];
}

/** What stands in a label for names that are unknown, or one too many. */
export const OTHER = "_OTHER";

/**
 * Bucket advice of OpenTelemetry's RPC conventions for call durations, in seconds, and three below it: a call on one broker
 * takes less than the lowest of theirs.
 */
export const DURATION_BUCKETS_SECONDS: readonly number[] = Object.freeze([
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
]);

/** Labels whose values come from a closed list in code; all others are bounded by the cap on label sets. */
export const CLOSED_LABELS: ReadonlySet<string> = new Set([
  "reporter",
  "code",
  "reason",
  "stage",
  "state",
  "metric",
  "direction",
]);

const CALL_LABELS = ["reporter", "caller", "service", "method", "version", "code", "reason"] as const;
const ATTEMPT_LABELS = ["caller", "service", "method", "version", "code", "reason"] as const;

export const metricsCatalogue = {
  requests: {
    name: "mesh_requests_total",
    type: "counter",
    help: "Calls that ended, as each reporter saw them.",
    labels: CALL_LABELS,
  },
  requestDuration: {
    name: "mesh_request_duration_seconds",
    type: "histogram",
    help: "Time from the start of a call to its end, all attempts included.",
    labels: CALL_LABELS,
    buckets: DURATION_BUCKETS_SECONDS,
  },
  attempts: {
    name: "mesh_attempts_total",
    type: "counter",
    help: "Attempts that ended, as their sender saw them.",
    labels: ATTEMPT_LABELS,
  },
  attemptDuration: {
    name: "mesh_attempt_duration_seconds",
    type: "histogram",
    help: "Time from sending an attempt to its end.",
    labels: ATTEMPT_LABELS,
    buckets: DURATION_BUCKETS_SECONDS,
  },
  retries: {
    name: "mesh_retries_total",
    type: "counter",
    help: "Further attempts after the first, by why the one before failed.",
    labels: ["service", "reason"],
  },
  requestsInFlight: {
    name: "mesh_requests_in_flight",
    type: "gauge",
    help: "Calls that have begun and not ended.",
    labels: ["reporter", "service"],
  },
  rejected: {
    name: "mesh_rejected_total",
    type: "counter",
    help: "What was refused before anything ran, by the stage that refused it.",
    labels: ["stage", "reason"],
  },
  frames: {
    name: "mesh_frames_total",
    type: "counter",
    help: "Frames of payloads that went past the routers, by the end that counts; those sent again count again.",
    labels: ["reporter", "service", "direction"],
  },
  frameBytes: {
    name: "mesh_frame_bytes_total",
    type: "counter",
    help: "Bytes in these frames, without their headers.",
    labels: ["reporter", "service", "direction"],
  },
  breakerState: {
    name: "mesh_breaker_state",
    type: "gauge",
    help: "State of the breaker of an instance: 0 closed, 1 half-open, 2 open.",
    labels: ["service", "instance"],
  },
  breakerChanges: {
    name: "mesh_breaker_changes_total",
    type: "counter",
    help: "Changes of a breaker, by the state it went to.",
    labels: ["service", "state"],
  },
  configRevision: {
    name: "mesh_config_revision",
    type: "gauge",
    help: "Revision of the policy in force.",
    labels: [],
  },
  credentialsExpiry: {
    name: "mesh_credentials_expiry_timestamp_seconds",
    type: "gauge",
    help: "When the credentials in use expire, in seconds since 1970; absent where they do not.",
    labels: [],
  },
  routerWorkers: {
    name: "mesh_router_workers",
    type: "gauge",
    help: "Workers of a router that has several, by whether they carry calls.",
    labels: ["state"],
  },
  routerWorkerRestarts: {
    name: "mesh_router_worker_restarts_total",
    type: "counter",
    help: "Workers of a router that ended without being told to, and were started again.",
    labels: [],
  },
  seriesOverflow: {
    name: "mesh_series_overflow_total",
    type: "counter",
    help: "Observations counted under _OTHER because their metric had reached its cap of label sets.",
    labels: ["metric"],
  },
} as const satisfies Record<string, MetricRow>;
