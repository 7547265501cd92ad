import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../testing/seeded-random.ts";
import { comeHome, LOOK_FOR_HOME_MAX_MS, LOOK_FOR_HOME_MIN_MS } from "./come-home.ts";

/** Looks until so many pauses have passed; `away` says by the count of pauses whether it is away. */
async function look(pauses: number, away: (n: number) => boolean, goHome: () => Promise<boolean>): Promise<number[]> {
  const waited: number[] = [];
  await comeHome({
    pause: async (ms) => {
      if (waited.length === pauses) throw new Error("closed");
      waited.push(ms);
    },
    random: seededRandom(7),
    isAway: () => away(waited.length),
    goHome,
    minMs: LOOK_FOR_HOME_MIN_MS,
    maxMs: LOOK_FOR_HOME_MAX_MS,
  });
  return waited;
}

test("home is looked for every 10 to 30 s by chance, for as long as one is away, whatever happens", async () => {
  let tries = 0;
  const waited = await look(
    200,
    (n) => n > 100,
    async () => {
      if (++tries % 2 === 0) throw new Error("connection refused");
      return false;
    },
  );
  assert.equal(tries, 100);
  assert.ok(waited.every((ms) => ms >= 10_000 && ms < 30_000));
  assert.ok(Math.max(...waited) - Math.min(...waited) > 18_000, "by chance");
});

test("who is at home dials nobody", async () => {
  await look(
    50,
    () => false,
    async () => assert.fail("dialled"),
  );
});
