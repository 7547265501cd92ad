// The live view as text: a table of services, who runs, and the latest events. Rendering is a function; drawing is a terminal's.
import type { Paint } from "../print/colour.ts";
import { plainText } from "../print/plain-text.ts";
import { formatTable } from "../print/table.ts";
import type { ServiceRow } from "./rows.ts";

export interface ViewState {
  readonly title: string;
  readonly rows: readonly ServiceRow[];
  readonly processes: readonly { readonly name: string; readonly pid: number }[];
  /** Oldest first. */
  readonly events: readonly string[];
  readonly hint: string;
}

export interface Size {
  readonly columns: number;
  readonly lines: number;
}

const HEADER = ["SERVICE", "CALLS/S", "P50 MS", "P99 MS", "OK %", "REFUSED/S", "RETRIES/S", "FAILED", "INSTANCES"];
/** Blanks between columns: a narrow terminal shows who serves all the same. */
const GAP = 2;
/** Below this share of success in the last interval a row is painted red, in percent. */
const WORRYING_PERCENT = 99.9;
/** Events get at least so many lines; process ids make room for them. */
const MIN_EVENTS = 3;

/** Lines that fit a terminal of this size; a line that is too long is cut. */
export function renderView(state: ViewState, { columns, lines }: Size, paint: Paint): string {
  const cut = (line: string): string => line.slice(0, columns);
  const total = state.rows.reduce((sum, row) => sum + row.callsPerSecond, 0);
  const [header = "", ...rows] = formatTable(HEADER, state.rows.map(cells), GAP).split("\n");
  const head = [
    paint("bold", cut(plainText(state.title))),
    "",
    paint("dim", cut(header)),
    ...rows.map((row, i) =>
      (state.rows[i]?.successPercent ?? 100) < WORRYING_PERCENT ? paint("red", cut(row)) : cut(row),
    ),
    "",
    cut(`${total.toFixed(0)} calls/s in all`),
  ];
  const foot = ["", paint("dim", cut(state.hint))];
  const running = processLines(state.processes, columns);
  const room = lines - head.length - foot.length - 1;
  const shown = room - running.length - 1 >= MIN_EVENTS ? ["", ...running.map((line) => paint("dim", line))] : [];
  const left = Math.max(0, room - shown.length);
  const events = left === 0 ? [] : ["", ...state.events.slice(-left).map((event) => cut(plainText(event)))];
  return [...head, ...shown, ...events, ...foot].slice(0, lines).join("\n");
}

/** `router-1 4711  catalog-1 4712`, broken into lines: what to give to `kill`. */
function processLines(processes: ViewState["processes"], columns: number): string[] {
  const lines: string[] = [];
  let line = "pids";
  for (const { name, pid } of processes) {
    const word = `  ${plainText(name)} ${pid === 0 ? "down" : pid}`;
    if (line.length + word.length > columns) {
      lines.push(line);
      line = "    ";
    }
    line += word;
  }
  return [...lines, line].map((text) => text.slice(0, columns));
}

function cells(row: ServiceRow): string[] {
  return [
    row.service,
    row.callsPerSecond.toFixed(0),
    row.p50Ms.toFixed(1),
    row.p99Ms.toFixed(1),
    row.successPercent.toFixed(row.successPercent === 100 ? 0 : 2),
    row.refusedPerSecond.toFixed(1),
    row.retriesPerSecond.toFixed(1),
    String(row.failed),
    row.instances,
  ];
}

/** One line for whoever has no terminal. */
export function renderLine(rows: readonly ServiceRow[], elapsedSeconds: number): string {
  const total = rows.reduce((sum, row) => sum + row.callsPerSecond, 0);
  const failed = rows.reduce((sum, row) => sum + row.failed, 0);
  const busiest = rows.toSorted((a, b) => b.callsPerSecond - a.callsPerSecond).slice(0, 4);
  const detail = busiest
    .map((row) => `${row.service} ${row.callsPerSecond.toFixed(0)}/s p99 ${row.p99Ms.toFixed(0)} ms`)
    .join(", ");
  return plainText(
    `${elapsedSeconds.toFixed(0).padStart(4)} s  ${total.toFixed(0)} calls/s, ${failed} failed so far  (${detail})`,
  );
}
