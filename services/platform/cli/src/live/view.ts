// The live view as text: a table of services and the latest events. Rendering is a function; drawing is a terminal's.

import { plainText } from "../print/plain-text.ts";
import { formatTable } from "../print/table.ts";
import type { ServiceRow } from "./rows.ts";

export interface ViewState {
  readonly title: string;
  readonly rows: readonly ServiceRow[];
  readonly events: readonly string[];
  readonly hint: string;
}

const HEADER = ["SERVICE", "CALLS/S", "P50 MS", "P99 MS", "SUCCESS", "REFUSED/S", "RETRIES/S", "FAILED", "INSTANCES"];

/** Lines that fit a terminal of this size. */
export function renderView(state: ViewState, columns: number, lines: number): string {
  const total = state.rows.reduce((sum, row) => sum + row.callsPerSecond, 0);
  const table = formatTable(HEADER, state.rows.map(cells)).split("\n");
  const head = [plainText(state.title), "", ...table, "", `${total.toFixed(0)} calls/s in all`, ""];
  const room = Math.max(0, lines - head.length - 3);
  const events = room === 0 ? [] : state.events.slice(-room).map(plainText);
  return [...head, ...events, "", state.hint]
    .map((line) => line.slice(0, columns))
    .slice(0, lines)
    .join("\n");
}

function cells(row: ServiceRow): string[] {
  return [
    row.service,
    row.callsPerSecond.toFixed(0),
    row.p50Ms.toFixed(1),
    row.p99Ms.toFixed(1),
    `${row.successPercent.toFixed(row.successPercent === 100 ? 0 : 2)} %`,
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
  return `${elapsedSeconds.toFixed(0).padStart(4)} s  ${total.toFixed(0)} calls/s, ${failed} failed so far  (${detail})`;
}
