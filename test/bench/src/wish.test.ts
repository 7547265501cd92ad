import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { describeCell } from "./cell.ts";
import { CONTENDERS } from "./contenders/index.ts";
import { readWish } from "./wish.ts";

function cells(...args: readonly string[]): string[] {
  return readWish(args, CONTENDERS).cells.map(describeCell);
}

test("without a wish, the cells that targets are set for", () => {
  assert.deepEqual(cells(), [
    "128 B, concurrency 1",
    "128 B, concurrency 16",
    "128 B, concurrency 128",
    "128 B, 2000 calls/s",
    "16 KiB, concurrency 16",
    "256 KiB, concurrency 16",
    "4 MiB, concurrency 16",
  ]);
  const { rounds, durationMs, tls, output, contenders } = readWish([], CONTENDERS);
  assert.deepEqual({ rounds, durationMs, tls, output }, { rounds: 5, durationMs: 2_000, tls: false, output: "text" });
  assert.deepEqual(contenders, CONTENDERS);
});

test("a quick run is under two minutes, with everybody in it", () => {
  const { cells: quick, rounds, durationMs, settleMs, warmUpMs, contenders } = readWish(["--quick"], CONTENDERS);
  const ms = contenders.length * (3_000 + settleMs + quick.length * rounds * (durationMs + warmUpMs));
  assert.ok(ms < 120_000, `${ms} ms with three seconds to start each`);
});

test("the full run has every payload, concurrency and depth, but no flood of large ones", () => {
  const full = cells("--full");
  assert.equal(new Set(full).size, full.length);
  for (const cell of ["1 KiB, concurrency 512", "256 KiB, concurrency 16", "128 B, concurrency 128, chain of 5"])
    assert.ok(full.includes(cell), cell);
  assert.ok(!full.includes("256 KiB, concurrency 128") && !full.includes("4 MiB, concurrency 512"));
});

test("what is asked for is what is measured", () => {
  assert.deepEqual(cells("--payload", "128,1024", "--concurrency", "7", "--depth", "3"), [
    "128 B, concurrency 7, chain of 3",
    "1 KiB, concurrency 7, chain of 3",
  ]);
  assert.deepEqual(cells("--concurrency", "1", "--rate", "500"), ["128 B, concurrency 1", "128 B, 500 calls/s"]);
  assert.ok(!cells("--quick", "--rate", "0").some((cell) => cell.includes("calls/s")));
  const { contenders, tls, rounds, output } = readWish(
    ["--only", "malla-routed, nats-limit", "--tls", "--repeats", "3", "--json"],
    CONTENDERS,
  );
  assert.deepEqual(
    contenders.map(({ name }) => name),
    ["nats-limit", "malla-routed"],
  );
  assert.deepEqual({ tls, rounds, output }, { tls: true, rounds: 3, output: "json" });
});

test("what there is not is refused with what there is", () => {
  for (const [args, message] of [
    [["--only", "httpd"], /no contender httpd; there are nats-limit, /],
    [["--quick", "--full"], /one of them/],
    [["--payload", "0"], /--payload takes a number from 1 to/],
    [["--concurrency", "1,"], /--concurrency takes a number/],
    [["--repeats", "many"], /--repeats takes a number from 1 to 1000, not many/],
    [["--fast"], /--fast/],
  ] as const)
    assert.throws(() => readWish(args, CONTENDERS), message);
});

test("the page on performance has everybody, in the words of the code", () => {
  const page = readFileSync(new URL("../../../router/docs/performance.md", import.meta.url), "utf8");
  const rows = [...page.matchAll(/^\| `([\w-]+)` \| (.+) \|$/gm)].map(([, name, about]) => ({ name, about }));
  assert.deepEqual(
    rows,
    CONTENDERS.map(({ name, about }) => ({ name, about })),
  );
});

test("every contender has a name and a word of its own", () => {
  for (const key of ["name", "about"] as const)
    assert.equal(new Set(CONTENDERS.map((contender) => contender[key])).size, CONTENDERS.length);
});
