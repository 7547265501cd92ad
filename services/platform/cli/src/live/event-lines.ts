// What happens while a mesh is watched, for the live view.
import { readableLog } from "../print/readable-log.ts";
import type { Screen } from "./screen.ts";

/** The latest that are kept. */
export const KEPT_EVENTS = 200;

/** What happens, kept for the view; on standard error as long as there is no picture. */
export class EventLines {
  readonly lines: string[] = [];
  readonly #screen: Screen | undefined;

  constructor(screen: Screen | undefined) {
    this.#screen = screen;
  }

  readonly say = (line: string): void => {
    this.lines.push(`${new Date().toTimeString().slice(0, 8)}  ${line}`);
    if (this.lines.length > KEPT_EVENTS) this.lines.shift();
    if (this.#screen?.entered !== true) process.stderr.write(`${line}\n`);
  };

  readonly log = (name: string, line: string): void => this.say(`[${name}] ${readableLog(line)}`);
}
