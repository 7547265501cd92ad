// Runs one thing again and again: soon after something changed, many changes at once as one; soon after it did not go well; and
// from time to time anyway, since level is what counts and not the edge.

export interface LoopOptions {
  /** Never rejects. False: run again after `retryMs`. */
  readonly run: () => Promise<boolean>;
  /** What changes within this time is one change, in ms. */
  readonly gatherMs: number;
  readonly retryMs: number;
  readonly everyMs: number;
  readonly timers?: LoopTimers;
}

export interface LoopTimers {
  set(run: () => void, ms: number): unknown;
  clear(timer: unknown): void;
}

const NODE_TIMERS: LoopTimers = {
  set: (run, ms) => setTimeout(run, ms),
  clear: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

export class Loop {
  readonly #options: LoopOptions;
  readonly #timers: LoopTimers;
  #timer: unknown;
  /** When the timer that is set was asked for by a change, so that further ones do not put it off. */
  #isChange = false;
  #running: Promise<void> | undefined;
  #changed = false;
  #stopped = false;

  constructor(options: LoopOptions) {
    this.#options = options;
    this.#timers = options.timers ?? NODE_TIMERS;
  }

  /** Something changed. */
  trigger(): void {
    if (this.#stopped) return;
    if (this.#running !== undefined) this.#changed = true;
    else if (!this.#isChange) this.#set(this.#options.gatherMs, true);
  }

  /** Resolves when what runs has ended; nothing runs after. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timers.clear(this.#timer);
    await this.#running;
  }

  #set(ms: number, isChange: boolean): void {
    this.#timers.clear(this.#timer);
    this.#isChange = isChange;
    this.#timer = this.#timers.set(() => {
      this.#running = this.#run();
    }, ms);
  }

  async #run(): Promise<void> {
    const { run, gatherMs, retryMs, everyMs } = this.#options;
    this.#isChange = false;
    this.#changed = false;
    const well = await run();
    this.#running = undefined;
    if (this.#stopped) return;
    if (this.#changed) this.#set(gatherMs, true);
    else this.#set(well ? everyMs : retryMs, false);
  }
}
