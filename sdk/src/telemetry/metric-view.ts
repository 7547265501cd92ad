// A SeriesTable as a metric in prom-client's registry. The registry asks a metric for its name, help, type and values and
// formats them; that is all it needs, so no observation goes through prom-client's own classes.
import type { Metric, MetricType as PromMetricType, Registry } from "prom-client";
import type { MetricRow } from "./metrics-catalogue.ts";
import type { Series, SeriesTable } from "./series-table.ts";

/** One line of the exposition, in the form the registry formats. */
interface Sample {
  readonly metricName?: string;
  readonly labels: Record<string, string | number>;
  /** Formatted once a series, by identity. */
  readonly sharedLabels?: Readonly<Record<string, string>>;
  readonly value: number;
}

interface Snapshot {
  readonly name: string;
  readonly help: string;
  readonly type: PromMetricType | string;
  readonly values: readonly Sample[];
  readonly aggregator: "sum" | "max";
}

export interface MetricViewOptions {
  readonly row: MetricRow;
  readonly table: SeriesTable;
  /** Drops idle series as it collects; of several views on one table one does. */
  readonly sweeps: boolean;
  readonly samples: (series: Series) => readonly Sample[];
  /** How the values of several processes are joined. */
  readonly aggregator?: "sum" | "max";
}

/** Registers a view of `table` under the name in `row`. Throws if the registry has that name already. */
export function registerView(registry: Registry, options: MetricViewOptions): void {
  const { row, table } = options;
  const snapshot = (): Snapshot => {
    const values: Sample[] = [];
    for (const series of options.sweeps ? table.collect() : table.all()) values.push(...options.samples(series));
    return { name: row.name, help: row.help, type: row.type, values, aggregator: options.aggregator ?? "sum" };
  };
  const view = {
    name: row.name,
    help: row.help,
    type: row.type,
    labelNames: row.labels,
    aggregator: options.aggregator ?? "sum",
    get: async () => splayed(snapshot()),
    getForPromString: async () => snapshot(),
    reset: () => table.clear(),
  };
  registry.registerMetric(view as unknown as Metric<string>);
}

/** For the JSON of the registry, which knows one kind of labels. */
function splayed(snapshot: Snapshot): Snapshot {
  const values = snapshot.values.map(({ sharedLabels, labels, ...rest }) => ({
    ...rest,
    labels: { ...sharedLabels, ...labels },
  }));
  return { ...snapshot, values };
}

const NO_LABELS: Record<string, string> = Object.freeze({});

/** The number in `slot` as the only sample. */
export function slotSample(slot: number): (series: Series) => readonly Sample[] {
  return (series) => [{ labels: NO_LABELS, sharedLabels: series.labels, value: series.slots[slot] as number }];
}

/** Buckets, sum and count of a histogram whose slots are count, sum in ms, and one number a bucket. */
export function histogramSamples(row: MetricRow): (series: Series) => readonly Sample[] {
  const bounds = row.buckets ?? [];
  return ({ slots, labels: sharedLabels }) => {
    const samples: Sample[] = [];
    let below = 0;
    for (let i = 0; i < bounds.length; i++) {
      below += slots[HISTOGRAM_FIRST_BUCKET + i] as number;
      samples.push({
        metricName: `${row.name}_bucket`,
        labels: { le: bounds[i] as number },
        sharedLabels,
        value: below,
      });
    }
    const count = slots[HISTOGRAM_COUNT] as number;
    samples.push({ metricName: `${row.name}_bucket`, labels: { le: "+Inf" }, sharedLabels, value: count });
    samples.push({
      metricName: `${row.name}_sum`,
      labels: NO_LABELS,
      sharedLabels,
      value: (slots[HISTOGRAM_SUM_MS] as number) / 1000,
    });
    samples.push({ metricName: `${row.name}_count`, labels: NO_LABELS, sharedLabels, value: count });
    return samples;
  };
}

export const HISTOGRAM_COUNT = 0;
export const HISTOGRAM_SUM_MS = 1;
export const HISTOGRAM_FIRST_BUCKET = 2;
