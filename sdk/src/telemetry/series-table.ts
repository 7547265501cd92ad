// The counters behind one label list. prom-client hashes and copies a label object for every observation; here a label set
// is walked down a tree of Maps to numbers that stay in place, so an observation allocates nothing. prom-client sees the
// numbers when it collects (metric-view.ts).
import { CLOSED_LABELS, OTHER } from "./metrics-catalogue.ts";

/** One label set and its numbers. */
export interface Series {
  readonly path: readonly string[];
  /** As prom-client wants them; made once. */
  readonly labels: Readonly<Record<string, string>>;
  /** What the slots mean is the table owner's choice; slot 0 must change with every observation. */
  readonly slots: Float64Array;
  /** Slot 0 when the sweep last looked, and since when it has stood so. */
  seen: number;
  seenAtMs: number;
}

type Branch = Map<string, Branch | Series>;

export interface SeriesTableOptions {
  readonly labelNames: readonly string[];
  readonly constantLabels: Readonly<Record<string, string>>;
  /** Numbers in a series. */
  readonly slotCount: number;
  readonly maxSeries: number;
  /** Of these, those of one value of label `service`. Default: all. */
  readonly maxSeriesPerService?: number | undefined;
  readonly idleMs: number;
  readonly nowMs: () => number;
  /** Told each time a label set was one too many. */
  readonly onOverflow: () => void;
  /** Series of which this is false outlive any idleness. */
  readonly mayExpire?: (series: Series) => boolean;
}

/** While the table is full it looks for idle series at most this often. */
const SWEEP_INTERVAL_MS = 10_000;

export class SeriesTable {
  /** The caller writes the label values here, in order, and then calls `current()`: no array a call. */
  readonly key: string[];
  readonly #options: SeriesTableOptions;
  readonly #closed: readonly boolean[];
  readonly #root: Branch = new Map();
  readonly #series = new Set<Series>();
  readonly #serviceAt: number;
  readonly #ofService = new Map<string, number>();
  #overflowing = 0;
  #last: Series | undefined;
  #sweptAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: SeriesTableOptions) {
    this.#options = options;
    this.#closed = options.labelNames.map((name) => CLOSED_LABELS.has(name));
    this.#serviceAt = options.labelNames.indexOf("service");
    this.key = options.labelNames.map(() => "");
  }

  /**
   * The series of `key`, made if it is new. Once `maxSeries` label sets exist, a new one is counted under `_OTHER` in
   * every label that is not from a closed list; once its service has its share of them, in every such label but `service`.
   */
  current(): Series {
    const last = this.#last;
    if (last !== undefined && this.#isKey(last.path)) return last;
    const found = this.existing() ?? this.#create();
    this.#last = found;
    return found;
  }

  /** The series of `key` if there is one. */
  existing(): Series | undefined {
    let node: Branch | Series | undefined = this.#root;
    const key = this.key;
    for (let i = 0; i < key.length; i++) {
      node = (node as Branch).get(key[i] as string);
      if (node === undefined) return undefined;
    }
    return key.length === 0 ? this.#first() : (node as Series);
  }

  /** All series, after those that stood still for `idleMs` have been dropped. */
  collect(): Iterable<Series> {
    this.#sweep();
    return this.#series;
  }

  /** The series, as they are. */
  all(): Iterable<Series> {
    return this.#series;
  }

  clear(): void {
    this.#root.clear();
    this.#series.clear();
    this.#ofService.clear();
    this.#overflowing = 0;
    this.#last = undefined;
  }

  #first(): Series | undefined {
    for (const series of this.#series) return series;
    return undefined;
  }

  #isKey(path: readonly string[]): boolean {
    const key = this.key;
    for (let i = key.length - 1; i >= 0; i--) if (key[i] !== path[i]) return false;
    return true;
  }

  #create(): Series {
    if (this.#isFull() || this.#hasItsShare()) this.#sweepWhileFull();
    if (this.#isOverflow(this.key)) return this.#insert();
    const full = this.#isFull();
    if (!full && !this.#hasItsShare()) return this.#insert();
    this.#options.onOverflow();
    for (let i = 0; i < this.key.length; i++)
      if (this.#closed[i] !== true && (full || i !== this.#serviceAt)) this.key[i] = OTHER;
    return this.existing() ?? this.#insert();
  }

  /** Whether the service of `key` has as many label sets as it may. Where it is the only open label, there is but one. */
  #hasItsShare(): boolean {
    const { maxSeries, maxSeriesPerService = maxSeries } = this.#options;
    if (this.#serviceAt < 0 || this.#isOverflow(this.key, this.#serviceAt)) return false;
    return (this.#ofService.get(this.key[this.#serviceAt] as string) ?? 0) >= maxSeriesPerService;
  }

  /** The `_OTHER` sets do not count: closed labels alone bound them. */
  #isFull(): boolean {
    return this.#series.size - this.#overflowing >= this.#options.maxSeries;
  }

  #insert(): Series {
    const { constantLabels, labelNames, slotCount, nowMs } = this.#options;
    const path = [...this.key];
    const labels: Record<string, string> = { ...constantLabels };
    for (let i = 0; i < path.length; i++) labels[labelNames[i] as string] = path[i] as string;
    // Not yet swept: an impossible value, so that the first sweep sees a change.
    const series: Series = { path, labels, slots: new Float64Array(slotCount), seen: Number.NaN, seenAtMs: nowMs() };
    this.#branchOf(path)?.set(path[path.length - 1] as string, series);
    this.#series.add(series);
    if (this.#isOverflow(path)) this.#overflowing++;
    this.#count(path, 1);
    return series;
  }

  #branchOf(path: readonly string[]): Branch | undefined {
    if (path.length === 0) return undefined;
    let branch = this.#root;
    for (let i = 0; i < path.length - 1; i++) {
      let next = branch.get(path[i] as string) as Branch | undefined;
      if (next === undefined) {
        next = new Map();
        branch.set(path[i] as string, next);
      }
      branch = next;
    }
    return branch;
  }

  #sweepWhileFull(): void {
    if (this.#options.nowMs() - this.#sweptAtMs >= SWEEP_INTERVAL_MS) this.#sweep();
  }

  #sweep(): void {
    const { idleMs, mayExpire, nowMs } = this.#options;
    const now = nowMs();
    this.#sweptAtMs = now;
    for (const series of this.#series) {
      const value = series.slots[0] as number;
      if (value !== series.seen) {
        series.seen = value;
        series.seenAtMs = now;
      } else if (now - series.seenAtMs >= idleMs && (mayExpire === undefined || mayExpire(series)))
        this.#remove(series);
    }
  }

  #remove(series: Series): void {
    this.#series.delete(series);
    if (this.#last === series) this.#last = undefined;
    if (this.#isOverflow(series.path)) this.#overflowing--;
    this.#count(series.path, -1);
    this.#prune(this.#root, series.path, 0);
  }

  #count(path: readonly string[], by: number): void {
    const service = path[this.#serviceAt];
    if (service === undefined) return;
    const count = (this.#ofService.get(service) ?? 0) + by;
    if (count > 0) this.#ofService.set(service, count);
    else this.#ofService.delete(service);
  }

  /** Whether every open label is `_OTHER`, apart from one at `except`. */
  #isOverflow(path: readonly string[], except = -1): boolean {
    return path.every((value, i) => this.#closed[i] === true || i === except || value === OTHER);
  }

  #prune(branch: Branch, path: readonly string[], depth: number): void {
    const step = path[depth];
    if (step === undefined) return;
    const next = branch.get(step);
    if (next instanceof Map) this.#prune(next, path, depth + 1);
    if (!(next instanceof Map) || next.size === 0) branch.delete(step);
  }
}
