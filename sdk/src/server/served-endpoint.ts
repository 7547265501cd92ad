// A method as an instance serves it, and how many of its runs nobody waits for any more.
import type { Endpoint } from "./endpoint.ts";
import type { EndpointStats } from "./endpoint-stats.ts";

/**
 * Runs of one method that go on after their call has ended, at its deadline or by a cancel. A handler that does not obey its signal
 * holds its request and its context for as long as it likes; with so many the method takes nothing new, the others do.
 */
export const MAX_ABANDONED_RUNS = 1_000;

export class ServedEndpoint {
  readonly endpoint: Endpoint;
  readonly stats: EndpointStats;
  #abandoned = 0;

  constructor(endpoint: Endpoint, stats: EndpointStats) {
    this.endpoint = endpoint;
    this.stats = stats;
  }

  get mayRun(): boolean {
    return this.#abandoned < MAX_ABANDONED_RUNS;
  }

  /** A call has ended while its handler runs. Returns what to do when that ends. */
  abandon(): () => void {
    this.#abandoned++;
    return () => {
      this.#abandoned--;
    };
  }
}
