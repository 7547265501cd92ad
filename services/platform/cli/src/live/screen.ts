// A terminal in full-screen mode: the alternate screen, redrawn whole, restored whatever happens.
import type { Size } from "./view.ts";

const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";

export class Screen {
  readonly #out: NodeJS.WriteStream;
  readonly #restore = (): void => this.leave();
  #entered = false;
  #onResize: (() => void) | undefined;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  get entered(): boolean {
    return this.#entered;
  }

  enter(): void {
    this.#entered = true;
    this.#out.write(ENTER);
    process.once("exit", this.#restore);
  }

  /** Calls back when the terminal has another size, until `leave`. */
  onResize(listener: () => void): void {
    this.#onResize = listener;
    this.#out.on("resize", listener);
  }

  draw(render: (size: Size) => string): void {
    if (!this.#entered) return;
    const text = render({ columns: this.#out.columns ?? 80, lines: this.#out.rows ?? 24 });
    // Each line is cleared to its end, and the rest of the screen below: no flicker of an empty screen between.
    this.#out.write(`\u001b[H${text.replaceAll("\n", "\u001b[K\n")}\u001b[K\u001b[J`);
  }

  leave(): void {
    if (!this.#entered) return;
    this.#entered = false;
    if (this.#onResize !== undefined) this.#out.off("resize", this.#onResize);
    this.#out.write(LEAVE);
    process.off("exit", this.#restore);
  }
}
