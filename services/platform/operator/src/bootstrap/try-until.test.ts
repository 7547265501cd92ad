import assert from "node:assert/strict";
import { test } from "node:test";
import { type TryOptions, tryUntil } from "./try-until.ts";

function clock(): { options: TryOptions; lines: string[] } {
  let now = 0;
  const lines: string[] = [];
  const options = {
    giveUpMs: 60_000,
    everyMs: 2_000,
    nowMs: () => now,
    sleep: async (ms: number) => {
      now += ms;
    },
    say: (line: string) => void lines.push(line),
  };
  return { options, lines };
}

test("it tries until it is done, and says each reason once, and again after a while", async () => {
  const { options, lines } = clock();
  let tries = 0;
  await tryUntil(async () => {
    tries++;
    if (tries < 12) throw new Error(tries < 3 ? "nobody answers" : "no leader yet");
  }, options);
  assert.equal(tries, 12);
  assert.deepEqual(lines, [
    "not yet, after 0 s: nobody answers",
    "not yet, after 4 s: no leader yet",
    "not yet, after 20 s: no leader yet",
  ]);
});

test("it gives up when the time is over, with the last reason, and never tries beyond it", async () => {
  const { options } = clock();
  const left: number[] = [];
  await assert.rejects(
    tryUntil(async (remainingMs) => {
      left.push(remainingMs);
      throw new Error("nobody answers");
    }, options),
    /gave up after 58 s: nobody answers/,
  );
  assert.deepEqual([left[0], left.at(-1)], [60_000, 2_000]);
});
