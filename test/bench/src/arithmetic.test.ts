// What is computed from what was measured: medians, ratios, tables, CPU.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Cell, Measurement, Row } from "./cell.ts";
import { combine } from "./combine.ts";
import { parseBusy, parseStat, readBusyMicros, readCpuMicros } from "./cpu.ts";
import { median } from "./median.ts";
import { printRows } from "./print-rows.ts";
import { ratiosOf } from "./ratios.ts";

const CELL: Cell = { mode: "closed", payloadBytes: 128, concurrency: 16, rate: 0, depth: 1 };

function measured(callsPerSecond: number, change: Partial<Measurement> = {}): Measurement {
  const cpu = { othersPercent: 1, cpuMicrosPerCall: 30, cpuMicrosByProcess: { caller: 10, broker: 20 } };
  return { calls: 10, failed: 0, callsPerSecond, p50Ms: 0.5, p99Ms: 1, p999Ms: 2, ...cpu, ...change };
}

function row(contender: string, callsPerSecond: number, change: Partial<Row> = {}): Row {
  return { ...combine(contender, false, CELL, [measured(callsPerSecond)]), ...change };
}

test("the median is the middle one, or lies between the two in the middle", () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([4, 1, 3, 100]), 3.5);
  assert.ok(Number.isNaN(median([])));
});

test("a row has medians of what was measured, and sums of what was counted", () => {
  const rounds = [
    measured(100, { p50Ms: 3 }),
    measured(300, { p50Ms: 1, failed: 2, firstError: "refused", cpuMicrosByProcess: { caller: 30, broker: 0 } }),
    measured(200, { p50Ms: 2 }),
  ];
  assert.deepEqual(combine("a", true, CELL, rounds), {
    contender: "a",
    ...CELL,
    tls: true,
    callsPerSecond: 200,
    p50Ms: 2,
    p99Ms: 1,
    p999Ms: 2,
    cpuMicrosPerCall: 30,
    cpuMicrosByProcess: { caller: 10, broker: 20 },
    othersPercent: 1,
    calls: 30,
    failed: 2,
    firstError: "refused",
    rounds: 3,
  });
  assert.throws(() => combine("a", false, CELL, []), /a was not measured/);
});

test("ratios are to the references in the same cell, and to no others", () => {
  const own = row("malla-routed", 500, { p50Ms: 0.25, cpuMicrosPerCall: 15 });
  const rows = [
    own,
    row("http-envoy-pair", 100),
    row("http", 1_000, { tls: true }),
    row("nats-limit", 1_000, { concurrency: 1 }),
    row("moleculer", 900),
  ];
  assert.deepEqual(ratiosOf(own, rows), [{ reference: "http-envoy-pair", callsPerSecond: 5, p50: 0.5, cpu: 0.5 }]);
  assert.deepEqual(ratiosOf(rows[1] as Row, rows), [], "none to itself");
});

test("a row whose calls failed is compared with nobody", () => {
  const rows = [row("http", 100), row("malla-routed", 900, { calls: 100, failed: 2 })];
  assert.deepEqual(ratiosOf(rows[1] as Row, rows), []);
  assert.equal(ratiosOf({ ...(rows[1] as Row), failed: 1 }, rows).length, 1);
});

test("a table a cell, with the columns of those that were measured, and who was skipped", () => {
  const rows = [row("http", 1_000), row("malla-routed", 2_500.4), row("http", 10, { payloadBytes: 16_384, tls: true })];
  const skipped = [{ contender: "grpc", tls: false, why: "no npm", failed: false }];
  assert.equal(
    printRows(rows, skipped, "text"),
    `128 B, concurrency 16, medians of 1

contender     calls/s  p50 ms  p99 ms  p99.9 ms  CPU us  failed             to http
http            1,000   0.500   1.000     2.000    30.0       0                   -
malla-routed    2,500   0.500   1.000     2.000    30.0       0  2.50 / 1.00 / 1.00

16 KiB, concurrency 16, TLS, medians of 1

contender  calls/s  p50 ms  p99 ms  p99.9 ms  CPU us  failed  to http
http            10   0.500   1.000     2.000    30.0       0        -

- grpc was skipped: no npm
`,
  );
  assert.match(
    printRows([{ ...(rows[0] as Row), othersPercent: 40.4 }], [], "text"),
    /\n\nOther programs used up to 40 %/,
  );
  assert.match(
    printRows(rows.slice(0, 1), [], "markdown"),
    /^\*\*128 B.*\*\*\n\n\| contender \|.*\n\| -+ \| -+: \|.*\n\| http/,
  );
});

test("CPU is read past a program's name, whatever is in it, user and system time together", () => {
  const name = "(a) 9 9 (b";
  const stat = `4242 (${name}) S 1 4242 4242 0 -1 4194560 100 200 0 0 150 50 7 8 20 0 11 0 123 456 789`;
  assert.equal(parseStat(stat), 2_000_000);
  assert.throws(() => parseStat("nonsense"), /no \/proc/);
  // Of /proc/stat neither idle nor waiting, and guests are in user time already.
  assert.equal(parseBusy("cpu  100 20 30 999 888 4 5 6 77 66\ncpu0 1 2 3 4 5 6 7 8 9 10\n"), 1_650_000);
  assert.throws(() => parseBusy("nonsense"), /no \/proc/);
});

test("the CPU of this process grows as it works, and that of nobody is an error", {
  skip: process.platform !== "linux",
}, () => {
  const before = readCpuMicros(process.pid);
  assert.ok(readBusyMicros() >= before);
  const until = performance.now() + 60;
  while (performance.now() < until);
  assert.ok(readCpuMicros(process.pid) > before);
  // The largest id there can be is nobody's.
  assert.throws(() => readCpuMicros(2 ** 22 + 1), /has ended/);
});
