import assert from "node:assert/strict";
import { it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Loop } from "./loop.ts";

function looping(answers: boolean[] = []) {
  let set: { run: () => void; ms: number } | undefined;
  let runs = 0;
  let finish: (() => void) | undefined;
  const loop = new Loop({
    run: async () => {
      runs++;
      if (hold) await new Promise<void>((resolve) => (finish = resolve));
      return answers.shift() ?? true;
    },
    gatherMs: 1,
    retryMs: 2,
    everyMs: 3,
    timers: {
      set: (run, ms) => (set = { run, ms }),
      clear: () => (set = undefined),
    },
  });
  let hold = false;
  return {
    loop,
    runs: () => runs,
    waits: () => set?.ms,
    fire: async () => {
      const due = set;
      set = undefined;
      due?.run();
      await turn();
    },
    hold: () => (hold = true),
    finish: async () => {
      hold = false;
      finish?.();
      await turn();
    },
  };
}

it("many changes at once are one run", async () => {
  const { loop, runs, waits, fire } = looping();
  for (let i = 0; i < 5; i++) loop.trigger();
  assert.equal(waits(), 1);
  await fire();
  assert.deepEqual([runs(), waits()], [1, 3]);
});

it("what changes while it runs makes it run again", async () => {
  const { loop, runs, waits, fire, hold, finish } = looping();
  hold();
  loop.trigger();
  await fire();
  loop.trigger();
  loop.trigger();
  assert.equal(waits(), undefined);
  await finish();
  assert.equal(waits(), 1);
  await fire();
  assert.deepEqual([runs(), waits()], [2, 3]);
});

it("what did not go well is tried soon, and a change does not wait for that", async () => {
  const { loop, waits, fire } = looping([false]);
  loop.trigger();
  await fire();
  assert.equal(waits(), 2);
  loop.trigger();
  assert.equal(waits(), 1);
});

it("stopped, it ends what runs and runs no more", async () => {
  const { loop, runs, waits, fire, hold, finish } = looping();
  hold();
  loop.trigger();
  await fire();
  let ended = false;
  const stopping = loop.stop().then(() => (ended = true));
  await turn();
  assert.equal(ended, false);
  await finish();
  await stopping;
  loop.trigger();
  assert.deepEqual([runs(), waits()], [1, undefined]);
});
