// The metric half of telemetry, for Prometheus. Observations go to SeriesTables; prom-client formats them on a scrape and
// adds what it knows of the process.
import { performance } from "node:perf_hooks";
import { collectDefaultMetrics, Registry } from "prom-client";
import {
  HISTOGRAM_COUNT,
  HISTOGRAM_FIRST_BUCKET,
  HISTOGRAM_SUM_MS,
  histogramSamples,
  registerView,
  slotSample,
} from "./metric-view.ts";
import { DURATION_BUCKETS_SECONDS, type MetricRow, metricsCatalogue, OTHER } from "./metrics-catalogue.ts";
import type { BreakerState, Metrics } from "./port.ts";
import { type Series, SeriesTable } from "./series-table.ts";

export interface PrometheusOptions {
  /** An application's own registry, to be scraped with the rest. Default: a new one. */
  readonly registry?: Registry | undefined;
  /** Constant labels on every metric, e.g. `{ router: "router-1" }`. Default: none. */
  readonly prefixLabels?: Readonly<Record<string, string>> | undefined;
  /** Label sets of one metric before further ones are counted under `_OTHER`. Default 1,000. */
  readonly maxSeries?: number | undefined;
  /** Of these, those of one service, before further ones are counted under its name and `_OTHER`. Default: all of them. */
  readonly maxSeriesPerService?: number | undefined;
  /** A label set nobody observed for so long is forgotten. Default 15 minutes: three of Prometheus's stale intervals. */
  readonly idleMs?: number | undefined;
  /** Process and Node metrics: CPU, memory, garbage collection, event-loop lag. Default true. */
  readonly processMetrics?: boolean | undefined;
  /** Monotonic milliseconds. Default `performance.now`. */
  readonly nowMs?: (() => number) | undefined;
}

export interface Prometheus extends Metrics {
  readonly registry: Registry;
  /** Everything in the registry, in Prometheus's text format 0.0.4. */
  metrics(): Promise<string>;
}

export const DEFAULT_MAX_SERIES = 1000;
const DEFAULT_IDLE_MS = 15 * 60 * 1000;
const BOUNDS_MS: readonly number[] = DURATION_BUCKETS_SECONDS.map((seconds) => seconds * 1000);
const HISTOGRAM_SLOTS = HISTOGRAM_FIRST_BUCKET + BOUNDS_MS.length;
/** A gauge counts its changes in slot 0, so that one that is set to the same value again does not look idle. */
const GAUGE_SLOTS = 2;
const GAUGE_CHANGES = 0;
const GAUGE_VALUE = 1;
const COUNTER_SLOTS = 1;
const BREAKER_NUMBERS: Readonly<Record<BreakerState, number>> = { closed: 0, "half-open": 1, open: 2 };
/** Gauges prom-client names as if they were counters; `nodejs_active_resources` says the same by type. */
const MISNAMED = ["nodejs_active_handles_total", "nodejs_active_requests_total", "nodejs_active_resources_total"];
const ALREADY_THERE = "process_cpu_seconds_total";

/** Metrics in a registry of prom-client. An observation costs a few Map look-ups and allocates nothing. */
export function createPrometheus(options: PrometheusOptions = {}): Prometheus {
  const registry = options.registry ?? new Registry();
  const tables = createTables(registry, options);
  if (options.processMetrics !== false) addProcessMetrics(registry, options.prefixLabels ?? {});
  return Object.freeze({ registry, metrics: () => registry.metrics(), ...observers(tables) });
}

type Tables = ReturnType<typeof createTables>;

function createTables(registry: Registry, options: PrometheusOptions) {
  const rows = metricsCatalogue;
  const create = (row: MetricRow, slotCount: number, mayExpire?: (series: Series) => boolean) =>
    new SeriesTable({
      labelNames: row.labels,
      constantLabels: options.prefixLabels ?? {},
      slotCount,
      maxSeries: options.maxSeries ?? DEFAULT_MAX_SERIES,
      maxSeriesPerService: options.maxSeriesPerService,
      idleMs: options.idleMs ?? DEFAULT_IDLE_MS,
      nowMs: options.nowMs ?? (() => performance.now()),
      onOverflow: () => count(overflow, row.name),
      ...(mayExpire === undefined ? {} : { mayExpire }),
    });
  const never = () => false;
  const overflow = create(rows.seriesOverflow, COUNTER_SLOTS, never);
  const tables = {
    calls: create(rows.requests, HISTOGRAM_SLOTS),
    attempts: create(rows.attempts, HISTOGRAM_SLOTS),
    retries: create(rows.retries, COUNTER_SLOTS),
    inFlight: create(rows.requestsInFlight, GAUGE_SLOTS, (series) => series.slots[GAUGE_VALUE] === 0),
    rejected: create(rows.rejected, COUNTER_SLOTS),
    frames: create(rows.frames, COUNTER_SLOTS),
    frameBytes: create(rows.frameBytes, COUNTER_SLOTS),
    breakers: create(rows.breakerState, GAUGE_SLOTS),
    breakerChanges: create(rows.breakerChanges, COUNTER_SLOTS),
    revision: create(rows.configRevision, GAUGE_SLOTS, never),
    credentials: create(rows.credentialsExpiry, GAUGE_SLOTS, never),
    overflow,
  };
  registerTables(registry, tables);
  return tables;
}

function registerTables(registry: Registry, tables: Record<keyof Tables, SeriesTable>): void {
  const rows = metricsCatalogue;
  const counter = (row: MetricRow, table: SeriesTable) =>
    registerView(registry, { row, table, sweeps: true, samples: slotSample(0) });
  const gauge = (row: MetricRow, table: SeriesTable, aggregator: "sum" | "max") =>
    registerView(registry, { row, table, sweeps: true, samples: slotSample(GAUGE_VALUE), aggregator });
  const histogram = (row: MetricRow, table: SeriesTable) =>
    registerView(registry, { row, table, sweeps: false, samples: histogramSamples(row) });
  counter(rows.requests, tables.calls);
  histogram(rows.requestDuration, tables.calls);
  counter(rows.attempts, tables.attempts);
  histogram(rows.attemptDuration, tables.attempts);
  counter(rows.retries, tables.retries);
  gauge(rows.requestsInFlight, tables.inFlight, "sum");
  counter(rows.rejected, tables.rejected);
  counter(rows.frames, tables.frames);
  counter(rows.frameBytes, tables.frameBytes);
  gauge(rows.breakerState, tables.breakers, "max");
  counter(rows.breakerChanges, tables.breakerChanges);
  gauge(rows.configRevision, tables.revision, "max");
  gauge(rows.credentialsExpiry, tables.credentials, "max");
  counter(rows.seriesOverflow, tables.overflow);
}

function observers(tables: Tables): Metrics {
  const { attempts, breakers, breakerChanges, calls, inFlight, rejected, retries, revision } = tables;
  return {
    callStarted(reporter, service) {
      inFlight.key[0] = reporter;
      inFlight.key[1] = service;
      change(inFlight.current(), 1);
    },
    callEnded(record) {
      endInFlight(inFlight, record.reporter, record.service);
      const { key } = calls;
      key[0] = record.reporter;
      key[1] = record.caller;
      key[2] = record.service;
      key[3] = record.method;
      key[4] = record.version;
      key[5] = record.code;
      key[6] = record.reason;
      observe(calls.current(), record.durationMs);
    },
    attemptEnded(record) {
      const { key } = attempts;
      key[0] = record.caller;
      key[1] = record.service;
      key[2] = record.method;
      key[3] = record.version;
      key[4] = record.code;
      key[5] = record.reason;
      observe(attempts.current(), record.durationMs);
    },
    retried: (service, reason) => count(retries, service, reason),
    rejected: (stage, reason) => count(rejected, stage, reason),
    framesMoved(reporter, service, direction, frames, bytes) {
      add(tables.frames, frames, reporter, service, direction);
      add(tables.frameBytes, bytes, reporter, service, direction);
    },
    breakerChanged(service, instance, state) {
      breakers.key[0] = service;
      breakers.key[1] = instance;
      set(breakers.current(), BREAKER_NUMBERS[state]);
      count(breakerChanges, service, state);
    },
    configRevision: (number) => set(revision.current(), number),
    credentialsExpire(atMs) {
      if (atMs === undefined) tables.credentials.clear();
      else set(tables.credentials.current(), atMs / 1000);
    },
  };
}

function count(table: SeriesTable, ...labels: readonly string[]): void {
  add(table, 1, ...labels);
}

function add(table: SeriesTable, by: number, ...labels: readonly string[]): void {
  for (let i = 0; i < labels.length; i++) table.key[i] = labels[i] as string;
  const { slots } = table.current();
  slots[0] = (slots[0] as number) + by;
}

/** Puts a duration into its bucket. A negative or broken one counts as 0: a clock may not spoil a sum. */
function observe(series: Series, durationMs: number): void {
  const { slots } = series;
  const isSane = durationMs > 0;
  const ms = isSane ? durationMs : 0;
  slots[HISTOGRAM_COUNT] = (slots[HISTOGRAM_COUNT] as number) + 1;
  slots[HISTOGRAM_SUM_MS] = (slots[HISTOGRAM_SUM_MS] as number) + ms;
  for (let i = 0; i < BOUNDS_MS.length; i++) {
    if (ms <= (BOUNDS_MS[i] as number)) {
      slots[HISTOGRAM_FIRST_BUCKET + i] = (slots[HISTOGRAM_FIRST_BUCKET + i] as number) + 1;
      return;
    }
  }
}

function set(series: Series, value: number): void {
  series.slots[GAUGE_CHANGES] = (series.slots[GAUGE_CHANGES] as number) + 1;
  series.slots[GAUGE_VALUE] = value;
}

function change(series: Series, by: number): void {
  set(series, (series.slots[GAUGE_VALUE] as number) + by);
}

/** A call that began while the table was full was counted under `_OTHER`, and must end there. */
function endInFlight(table: SeriesTable, reporter: string, service: string): void {
  table.key[0] = reporter;
  table.key[1] = service;
  const own = table.existing();
  if (own !== undefined && (own.slots[GAUGE_VALUE] as number) > 0) {
    change(own, -1);
    return;
  }
  table.key[1] = OTHER;
  const other = table.existing();
  if (other !== undefined && (other.slots[GAUGE_VALUE] as number) > 0) change(other, -1);
}

function addProcessMetrics(register: Registry, labels: Readonly<Record<string, string>>): void {
  if (register.getSingleMetric(ALREADY_THERE) !== undefined) return;
  collectDefaultMetrics({ register, labels });
  for (const name of MISNAMED) register.removeSingleMetric(name);
}
