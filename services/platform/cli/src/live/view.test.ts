import assert from "node:assert/strict";
import { test } from "node:test";
import type { Paint } from "../print/colour.ts";
import type { ServiceRow } from "./rows.ts";
import { renderLine, renderView, type ViewState } from "./view.ts";

const plain: Paint = (_colour, text) => text;

function row(service: string, more: Partial<ServiceRow> = {}): ServiceRow {
  return {
    service,
    callsPerSecond: 10,
    p50Ms: 1.25,
    p99Ms: 20,
    successPercent: 100,
    refusedPerSecond: 0.5,
    retriesPerSecond: 0,
    failed: 0,
    instances: "1.0.0 ×2",
    ...more,
  };
}

const state: ViewState = {
  title: "Malla",
  rows: [row("cart"), row("catalog", { callsPerSecond: 32, successPercent: 99.5, failed: 3 })],
  processes: [
    { name: "router-1", pid: 4711 },
    { name: "cart", pid: 0 },
  ],
  events: Array.from({ length: 50 }, (_, i) => `event ${i}`),
  hint: "q ends",
};

test("the view is a table, the process ids, the latest events and a hint", () => {
  const lines = renderView(state, { columns: 120, lines: 20 }, plain).split("\n");
  assert.equal(lines.length, 20);
  assert.deepEqual(lines.slice(0, 11), [
    "Malla",
    "",
    "SERVICE  CALLS/S  P50 MS  P99 MS  OK %   REFUSED/S  RETRIES/S  FAILED  INSTANCES",
    "cart     10       1.3     20.0    100    0.5        0.0        0       1.0.0 ×2",
    "catalog  32       1.3     20.0    99.50  0.5        0.0        3       1.0.0 ×2",
    "",
    "42 calls/s in all",
    "",
    "pids  router-1 4711  cart down",
    "",
    "event 42",
  ]);
  assert.deepEqual(lines.slice(-3), ["event 49", "", "q ends"]);
});

test("it never overflows its terminal, however small", () => {
  for (const [columns, height] of [
    [20, 5],
    [40, 10],
    [80, 14],
    [200, 60],
    [1, 1],
  ] as const) {
    const lines = renderView(state, { columns, lines: height }, plain).split("\n");
    assert.ok(lines.length <= height, `${lines.length} lines in ${height}`);
    assert.ok(
      lines.every((line) => line.length <= columns),
      `${columns} columns`,
    );
  }
});

test("a service that fails now is painted red, and names cannot paint", () => {
  const painted = renderView(
    { ...state, title: "\u001b[31mMalla" },
    { columns: 120, lines: 20 },
    (colour, text) => `<${colour}>${text}`,
  );
  assert.match(painted, /<red>catalog/);
  assert.doesNotMatch(painted, /<red>cart/);
  assert.ok(!painted.includes("\u001b"));
});

test("without a terminal a line has the sums and the busiest services", () => {
  assert.equal(
    renderLine(state.rows, 12.4),
    "  12 s  42 calls/s, 3 failed so far  (catalog 32/s p99 20 ms, cart 10/s p99 20 ms)",
  );
});
