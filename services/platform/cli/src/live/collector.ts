// Scrapes the routers and keeps the sums: a router that was killed and started again begins at zero, and what it had
// counted before is not forgotten.
import { addCounts, type CallCounts, countCalls, type ServiceCounts, totalCounts } from "./call-counts.ts";
import { parsePrometheus } from "./prometheus-text.ts";

const SCRAPE_TIMEOUT_MS = 2_000;

export interface ScrapedRouter {
  readonly name: string;
  readonly metricsPort: () => number;
  readonly pid: () => number;
}

interface RouterCounts {
  /** What earlier processes of this router had counted when they died. */
  before: CallCounts;
  now: CallCounts;
  pid: number;
}

export class Collector {
  readonly #routers: readonly ScrapedRouter[];
  readonly #counts = new Map<string, RouterCounts>();

  constructor(routers: readonly ScrapedRouter[]) {
    this.#routers = routers;
  }

  /** One scrape of every router; those that do not answer keep their last counts. */
  async scrape(): Promise<void> {
    await Promise.all(this.#routers.map(async (router) => this.#scrapeOne(router)));
  }

  async #scrapeOne({ name, metricsPort, pid }: ScrapedRouter): Promise<void> {
    const process = pid();
    try {
      const response = await fetch(`http://127.0.0.1:${metricsPort()}/metrics`, {
        signal: AbortSignal.timeout(SCRAPE_TIMEOUT_MS),
      });
      if (response.ok) this.take(name, process, countCalls(parsePrometheus(await response.text(), "mesh_")));
    } catch {
      // It is being started again; the next scrape will tell.
    }
  }

  /** Takes what one process of a router has counted since it started. */
  take(name: string, pid: number, counts: CallCounts): void {
    const known = this.#counts.get(name);
    const restarted =
      known !== undefined && (known.pid !== pid || totalCounts(counts).calls < totalCounts(known.now).calls);
    const before = known === undefined ? new Map<string, ServiceCounts>() : known.before;
    if (restarted) addCounts(before, known.now);
    this.#counts.set(name, { before, now: counts, pid });
  }

  /** Everything counted so far, by service. */
  sums(): CallCounts {
    const sum: CallCounts = new Map();
    for (const { before, now } of this.#counts.values()) {
      addCounts(sum, before);
      addCounts(sum, now);
    }
    return sum;
  }
}
