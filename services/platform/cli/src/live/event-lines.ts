// What happens, kept for the view; written out as long as there is no picture.
import { plainText } from "../print/plain-text.ts";
import { readableLog } from "../print/readable-log.ts";

/** The latest that are kept. */
export const KEPT_EVENTS = 200;

/** A picture that is shown, or is not. */
interface Picture {
  readonly entered: boolean;
}

interface Out {
  write(text: string): unknown;
}

export class EventLines {
  readonly lines: string[] = [];
  readonly #screen: Picture | undefined;
  readonly #out: Out;

  constructor(screen: Picture | undefined, out: Out) {
    this.#screen = screen;
    this.#out = out;
  }

  /** Versions and names in it are whatever an instance announces. */
  readonly say = (text: string): void => {
    const line = plainText(text);
    this.lines.push(`${new Date().toTimeString().slice(0, 8)}  ${line}`);
    if (this.lines.length > KEPT_EVENTS) this.lines.shift();
    if (this.#screen?.entered !== true) this.#out.write(`${line}\n`);
  };

  readonly log = (name: string, line: string): void => this.say(`[${name}] ${readableLog(line)}`);
}
