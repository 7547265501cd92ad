// Watches a mesh under load: asks the routers every second, and shows what came of it, on a terminal as a picture, else as a
// line every other second.
import type { Paint } from "../print/colour.ts";
import { addCounts, type CallCounts } from "./call-counts.ts";
import type { Collector } from "./collector.ts";
import type { Presence } from "./presence.ts";
import { type ServiceRow, serviceRows } from "./rows.ts";
import type { Screen } from "./screen.ts";
import { renderLine, renderView } from "./view.ts";

/** How often the routers are asked, in ms. */
const SCRAPE_MS = 1_000;
/** Without a terminal a line is printed at every second scrape. */
const SCRAPES_PER_LINE = 2;

export interface LiveViewOptions {
  readonly collector: Collector;
  readonly presence: Presence;
  readonly natsUrl: string;
  readonly processes: () => readonly { readonly name: string; readonly pid: number }[];
  /** Oldest first; grows meanwhile. */
  readonly events: readonly string[];
  /** Undefined: there is no terminal. */
  readonly screen: Screen | undefined;
  readonly paint: Paint;
  /** Takes the lines if there is no terminal. */
  readonly print: (line: string) => void;
}

export class LiveView {
  readonly #options: LiveViewOptions;
  readonly #startedAtMs = performance.now();
  readonly #redraw = (): void => this.#draw();
  #before: CallCounts;
  #beforeAtMs = this.#startedAtMs;
  #rows: readonly ServiceRow[] = [];
  #timer: NodeJS.Timeout | undefined;
  #scraping: Promise<void> | undefined;
  #ticks = 0;

  constructor(options: LiveViewOptions) {
    this.#options = options;
    this.#before = copy(options.collector.sums());
  }

  start(): void {
    this.#timer = setInterval(() => void this.#tick(), SCRAPE_MS);
    this.#options.screen?.enter();
    this.#options.screen?.onResize(this.#redraw);
    this.#draw();
  }

  /** Resolves when the last scrape has ended and the terminal is as it was. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#options.screen?.leave();
    await this.#scraping;
  }

  async #tick(): Promise<void> {
    // A router that is slow to answer must not make scrapes pile up.
    if (this.#scraping !== undefined) return;
    this.#scraping = this.#options.collector.scrape();
    await this.#scraping;
    this.#scraping = undefined;
    const { screen, print } = this.#options;
    this.#ticks++;
    if (screen === undefined && this.#ticks % SCRAPES_PER_LINE !== 0) return;
    this.#measure();
    if (screen === undefined) print(renderLine(this.#rows, this.#elapsedSeconds()));
    else this.#draw();
  }

  #measure(): void {
    const now = copy(this.#options.collector.sums());
    const atMs = performance.now();
    this.#rows = serviceRows(this.#before, now, (atMs - this.#beforeAtMs) / 1000, this.#options.presence.registry);
    this.#before = now;
    this.#beforeAtMs = atMs;
  }

  #draw(): void {
    const { screen, presence, natsUrl, events, processes, paint } = this.#options;
    const title = `Malla  ·  ${natsUrl}  ·  ${presence.routerCount} routers  ·  ${this.#elapsedSeconds().toFixed(0)} s`;
    const hint =
      "q or Ctrl-C ends it all  ·  elsewhere: npx malla services | call catalog list '{}' | apply -f … | check";
    const state = { title, rows: this.#rows, events, processes: processes(), hint };
    screen?.draw((size) => renderView(state, size, paint));
  }

  #elapsedSeconds(): number {
    return (performance.now() - this.#startedAtMs) / 1000;
  }
}

function copy(counts: CallCounts): CallCounts {
  return addCounts(new Map(), counts);
}
