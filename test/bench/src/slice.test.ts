// A short run of the benchmark itself, without packages of others: that every call is answered, what a row holds, and that
// nothing is left. How fast anything is, is no test.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually } from "../../src/harness/eventually.ts";
import type { Cell } from "./cell.ts";
import type { Contender } from "./contender.ts";
import { mallaRouted } from "./contenders/malla-routed.ts";
import { natsLimit } from "./contenders/nats-limit.ts";
import { openMachine } from "./machine.ts";
import { NotHere } from "./not-here.ts";
import { runMatrix } from "./run-matrix.ts";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));

test("everybody answers every call, in a closed and an open loop, and in a chain", async () => {
  const machine = await openMachine(() => undefined);
  const cell: Cell = { mode: "closed", payloadBytes: 128, concurrency: 8, rate: 0, depth: 1 };
  const cells: readonly Cell[] = [cell, { ...cell, mode: "open", concurrency: 0, rate: 200 }, { ...cell, depth: 2 }];
  const absent: Contender = {
    ...natsLimit,
    name: "absent",
    start: async () => await Promise.reject(new NotHere("it is sold out")),
  };
  const dying: Contender = {
    ...natsLimit,
    name: "dying",
    start: async (site, depth) => {
      const way = await natsLimit.start(site, depth);
      process.kill(way.others.at(-1)?.pid as number, "SIGKILL");
      return way;
    },
  };
  try {
    const { rows, skipped } = await runMatrix(machine, {
      contenders: [natsLimit, mallaRouted, absent, dying],
      cells,
      tls: false,
      rounds: 2,
      durationMs: 200,
      settleMs: 100,
      warmUpMs: 100,
      signal: new AbortController().signal,
      say: () => undefined,
    });
    assert.deepEqual(
      skipped.map(({ contender, failed }) => ({ contender, failed })),
      [
        { contender: "absent", failed: false },
        { contender: "dying", failed: true },
      ],
    );
    assert.equal(skipped[0]?.why, "it is sold out");
    assert.match(String(skipped[1]?.why), /process \d+ of the way has ended/);
    assert.equal(rows.length, 6);
    for (const row of rows) {
      const { contender, tls, rounds, calls, failed, firstError, cpuMicrosByProcess, ...numbers } = row;
      assert.deepEqual(
        { tls, rounds, failed, firstError },
        { tls: false, rounds: 2, failed: 0, firstError: undefined },
      );
      assert.ok(calls > 0, `${contender} answered`);
      for (const field of ["callsPerSecond", "p50Ms", "p99Ms", "p999Ms", "cpuMicrosPerCall", "othersPercent"] as const)
        assert.ok(Number.isFinite(numbers[field]) && numbers[field] >= 0, `${field} of ${contender}`);
      const callees = row.depth === 1 ? ["callee"] : ["callee-2", "callee-1"];
      const between = contender === "nats-limit" ? ["broker"] : ["broker", "router"];
      assert.deepEqual(Object.keys(cpuMicrosByProcess), ["caller", ...between, ...callees]);
    }
    assert.deepEqual(
      rows.map(({ contender, mode, depth }) => `${contender} ${mode} ${depth}`),
      ["closed 1", "open 1", "closed 2"].flatMap((what) => [`nats-limit ${what}`, `malla-routed ${what}`]),
    );
  } finally {
    await machine.close();
  }
});

for (const [signal, code] of [
  ["SIGINT", 1],
  ["SIGKILL", null],
] as const) {
  test(`nothing is left after ${signal}`, { skip: process.platform !== "linux" }, async () => {
    const child = spawn(process.execPath, [MAIN, "--only", "nats-limit", "--seconds", "60", "--repeats", "1"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    let seen = "";
    for await (const line of createInterface({ input: child.stderr })) {
      seen += `${line}\n`;
      if (line === "everybody is ready") break;
    }
    const started = descendantsOf(child.pid as number);
    // Keeper, broker, callee, caller.
    assert.equal(started.length, 4, seen);
    child.kill(signal);
    assert.equal(await ended, code);
    await eventually(() => assert.deepEqual(started.filter(isAlive), []), { withinMs: 8_000 });
  });
}

function descendantsOf(pid: number): readonly number[] {
  const children = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && parentOf(name) === pid);
  return children.flatMap((name) => [Number(name), ...descendantsOf(Number(name))]);
}

function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  return parentOf(String(pid)) !== undefined;
}
