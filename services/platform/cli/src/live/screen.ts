// A terminal in full-screen mode: the alternate screen, redrawn whole, restored whatever happens.

const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";

export class Screen {
  readonly #out: NodeJS.WriteStream;
  readonly #restore = (): void => this.leave();
  #entered = false;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  enter(): void {
    this.#entered = true;
    this.#out.write(ENTER);
    process.once("exit", this.#restore);
  }

  draw(render: (columns: number, lines: number) => string): void {
    const text = render(this.#out.columns ?? 80, this.#out.rows ?? 24);
    // Each line is cleared to its end, and the rest of the screen below: no flicker of an empty screen between.
    this.#out.write(`\u001b[H${text.replaceAll("\n", "\u001b[K\n")}\u001b[K\u001b[J`);
  }

  leave(): void {
    if (!this.#entered) return;
    this.#entered = false;
    this.#out.write(LEAVE);
    process.off("exit", this.#restore);
  }
}
