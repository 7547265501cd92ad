// The fuzzer itself: it finds what is planted, says how to see it again, and does the same twice.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { seededRandom } from "@malla/sdk/testing";
import { printInput, readInput } from "./input-text.ts";
import { mutateTree } from "./mutate-tree.ts";
import { printFinding, replay, runTarget, type TargetReport } from "./run-target.ts";
import { bytesOf, type FuzzTarget, type Input, must, textOf } from "./target.ts";
import { weigh } from "./weigh.ts";

function targetOf(run: (input: Input) => string | Promise<string>, more: Partial<FuzzTarget> = {}): FuzzTarget {
  return {
    name: "planted",
    seeds: [[bytesOf("mesh.call.cart.orders.Place")]],
    words: ["*", "evil"],
    maxBytes: 4_096,
    shortInputs: 1,
    open: () => ({ run }),
    ...more,
  };
}

async function fuzz(target: FuzzTarget, inputs = 5_000, seed = 1): Promise<TargetReport> {
  return await runTarget(target, { inputs, seed });
}

/** Runs a module in this folder; what it wrote to stderr, and the signal that ended it. */
async function program(source: string): Promise<{ said: string; signal: NodeJS.Signals | null }> {
  const child = spawn(process.execPath, ["--conditions=@malla/source", "--input-type=module", "--eval", source], {
    cwd: fileURLToPath(new URL("./", import.meta.url)),
    stdio: ["ignore", "ignore", "pipe"],
    timeout: 60_000,
  });
  const ended = once(child, "close");
  const said = await text(child.stderr);
  await ended;
  return { said, signal: child.signalCode };
}

describe("it finds", () => {
  test("what throws, with the input that shows it again", async () => {
    const target = targetOf(([part]) => {
      must(!textOf(part).includes("evil"), "took evil");
      return "ok";
    });
    const { findings } = await fuzz(target);
    assert.equal(findings.length, 1);
    const [finding] = findings;
    assert.ok(finding);
    assert.match(finding.what, /took evil/);
    await assert.rejects(async () => await replay(target, finding.input), /took evil/);
    const told = printFinding(finding, 1).match(/--replay planted:(\S+)/)?.[1] ?? "";
    assert.equal(textOf(readInput(told)[0]), textOf(finding.input[0]));
  });

  test("what only an input kept for its new shape leads to", async () => {
    // Each digit in its place is a shape of its own; all five at once would take 10^5 tries.
    const run = ([part]: Input): string => {
      const wanted = [..."98765"].findIndex((digit, i) => textOf(part)[i] !== digit);
      must(wanted >= 0, "all five");
      return `no ${wanted}`;
    };
    const { findings } = await fuzz(targetOf(run, { seeds: [[bytesOf("00000")]], words: [..."56789"] }), 100_000);
    assert.match(findings[0]?.what ?? "", /all five/);
  });

  test("what takes the CPU for longer than its bound", async () => {
    const spin = ([part]: Input): string => {
      const before = process.cpuUsage();
      while (textOf(part).includes("evil") && process.cpuUsage(before).user < 100_000);
      return "ok";
    };
    const { findings } = await fuzz(targetOf(spin, { boundMs: 40, seeds: [[bytesOf("evil")]] }), 3);
    assert.match(findings[0]?.what ?? "", /ms of CPU, 40 are its bound/);
  });

  test("what keeps growing", async () => {
    const kept: Uint8Array[] = [];
    const hoard = (): string => {
      kept.push(new Uint8Array(64 * 1024));
      return "ok";
    };
    const { findings } = await fuzz(targetOf(hoard, { heapBytes: 16 * 1024 * 1024 }), 1_500);
    assert.match(findings[0]?.what ?? "", /the heap grew by/);
  });

  test("what one long input makes of itself", async () => {
    let last: unknown;
    const blowUp = ([part]: Input): string => {
      if ((part?.length ?? 0) > 32 * 1024) last = new Array<number>(16 * 1024 * 1024).fill(1);
      return "ok";
    };
    const { findings } = await fuzz(targetOf(blowUp, { maxBytes: 64 * 1024 }), 1_500);
    assert.match(findings[0]?.what ?? "", /bytes of the heap/);
    assert.ok(last);
  });

  test("what nobody waited for", async () => {
    // In a program of its own: here the test runner would take it for a failure of this test.
    const { said } = await program(`
      const { runTarget } = await import("./run-target.ts");
      const run = async ([part]) => {
        if (Buffer.from(part).includes("evil")) void Promise.reject(new Error("forgotten"));
        await new Promise((resolve) => setImmediate(resolve));
        return "ok";
      };
      const target = { name: "planted", seeds: [[Buffer.from("a")]], words: ["evil"], maxBytes: 64, shortInputs: 1, open: () => ({ run }) };
      const { findings } = await runTarget(target, { inputs: 2_000, seed: 1 });
      process.stderr.write(findings[0].what);
    `);
    assert.match(said, /unhandled rejection: Error: forgotten/);
  });

  test("what does not hold at the end", async () => {
    const finish = (): void => must(false, "left something open");
    const { findings } = await fuzz(
      targetOf(() => "ok", { open: () => ({ run: () => "ok", finish }) }),
      10,
    );
    assert.match(findings[0]?.what ?? "", /left something open/);
  });

  test("what hangs: the watchdog ends the process with the input in its last words", async () => {
    const { said, signal } = await program(`
      const { Watchdog } = await import("./watchdog.ts");
      const watchdog = new Watchdog(400);
      watchdog.begin("planted", [Buffer.from("evil")]);
      for (;;);
    `);
    assert.match(said, /hangs.*--replay planted:ZXZpbA/);
    assert.equal(signal, "SIGKILL");
  });
});

test("one seed is one run, another is another", async () => {
  const told = async (seed: number): Promise<string> => {
    let all = "";
    await fuzz(
      targetOf((input) => {
        all += printInput(input);
        return "ok";
      }),
      300,
      seed,
    );
    return all;
  };
  const first = await told(7);
  assert.equal(first, await told(7));
  assert.notEqual(first, await told(8));
});

test("the valid inputs come first, and each kind of finding is told once", async () => {
  const seen: string[] = [];
  const run = ([part]: Input): string => {
    seen.push(textOf(part));
    throw new Error(`refused ${seen.length} ${JSON.stringify(textOf(part))}`);
  };
  const { findings, inputs } = await fuzz(targetOf(run, { seeds: [[bytesOf("a")], [bytesOf("b")]] }), 50);
  assert.deepEqual(seen.slice(0, 2), ["a", "b"]);
  assert.deepEqual([findings.length, inputs], [1, 50]);
});

test("values are changed as values, and weighed by what they hold", () => {
  const value = { a: [1, { b: "text" }], c: null };
  const random = seededRandom(1);
  const changed = Array.from({ length: 500 }, () => JSON.stringify(mutateTree(value, random)));
  assert.ok(new Set(changed).size > 150);
  assert.deepEqual(value, { a: [1, { b: "text" }], c: null });
  assert.equal(weigh({ ab: "cde" }) - weigh({}), 5);
  assert.equal(weigh([new Uint8Array(100)]) - weigh([]), 100);
});
