// Lines to a file descriptor. Nothing ever waits for its reader: lines are batched, written in the background, and dropped when
// too many wait. pino's own destination does as much, but goes round for ever in `flushSync` when the reader has gone
// (sonic-boom 4.2), so that a process whose parent was killed would never end.
import { Buffer } from "node:buffer";
import { write, writeSync } from "node:fs";

/** What may wait for a slow reader, in characters; lines beyond it are dropped, and how many is told when there is room. */
export const MAX_WAITING_CHARS = 8 * 1024 * 1024;
/** A reader that takes nothing now is tried again after this, in ms. */
const RETRY_MS = 20;
/** The longest that `flush` waits for a reader, in ms. */
const FLUSH_MS = 1_000;

export class LineSink {
  readonly #fd: number;
  readonly #droppedLine: (count: number) => string;
  #waiting: string[] = [];
  #waitingChars = 0;
  #dropped = 0;
  #scheduled = false;
  #onIdle: (() => void)[] = [];
  /** The reader has gone: nothing can be told any more. */
  #closed = false;

  /** `droppedLine` is the line that tells how many were dropped. */
  constructor(fd: number, droppedLine: (count: number) => string) {
    this.#fd = fd;
    this.#droppedLine = droppedLine;
    process.once("exit", () => this.#writeLast());
  }

  write(line: string): void {
    if (this.#closed) return;
    if (this.#waitingChars + line.length > MAX_WAITING_CHARS) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(line);
    this.#waitingChars += line.length;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#writeWaiting());
  }

  /** Resolves when everything is out, the reader has gone, or a second has passed. */
  async flush(): Promise<void> {
    if (!this.#scheduled) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, FLUSH_MS);
      this.#onIdle.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #writeWaiting(): void {
    const text = this.#take();
    if (text === "") this.#becomeIdle();
    else this.#writeRest(Buffer.from(text));
  }

  #writeRest(rest: Buffer): void {
    write(this.#fd, rest, 0, rest.length, null, (error, written) => {
      if (error !== null && error.code !== "EAGAIN") this.#close();
      else if (error !== null) setTimeout(() => this.#writeRest(rest), RETRY_MS);
      else if (written < rest.length) this.#writeRest(rest.subarray(written));
      else this.#writeWaiting();
    });
  }

  /** The process ends now: what the reader does not take at once is lost. */
  #writeLast(): void {
    let rest = Buffer.from(this.#take());
    try {
      while (rest.length > 0) rest = rest.subarray(writeSync(this.#fd, rest));
    } catch {
      // Nobody is left to tell.
    }
  }

  #take(): string {
    if (this.#dropped > 0) this.#waiting.push(this.#droppedLine(this.#dropped));
    const text = this.#waiting.join("");
    this.#waiting = [];
    this.#waitingChars = 0;
    this.#dropped = 0;
    return text;
  }

  #close(): void {
    this.#closed = true;
    this.#take();
    this.#becomeIdle();
  }

  #becomeIdle(): void {
    this.#scheduled = false;
    const onIdle = this.#onIdle;
    this.#onIdle = [];
    for (const resolve of onIdle) resolve();
  }
}
