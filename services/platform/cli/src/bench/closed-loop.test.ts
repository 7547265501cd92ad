import assert from "node:assert/strict";
import { test } from "node:test";
import { runClosedLoop } from "./closed-loop.ts";
import { summarise } from "./load.ts";

test("so many calls at a time and never more, counted between the two edges of the window", async () => {
  const edges: string[] = [];
  let open = 0;
  let most = 0;
  const result = await runClosedLoop({
    concurrency: 3,
    warmUpMs: 1,
    durationMs: 150,
    onWindow: (edge) => void edges.push(edge),
    call: (done) => {
      most = Math.max(most, ++open);
      setImmediate(() => {
        open--;
        done();
      });
    },
  });
  assert.deepEqual({ most, open, edges }, { most: 3, open: 0, edges: ["begin", "end"] });
  assert.ok(result.calls > 0 && result.failed === 0 && result.latency.count === result.calls);
  const { callsPerSecond, seconds, calls } = summarise(result);
  assert.ok(Math.abs(callsPerSecond * seconds - calls) < 1e-6);
});

test("calls that fail are counted with why, and calls that never end are given up", async () => {
  const failing = await runClosedLoop({
    concurrency: 1,
    warmUpMs: 0,
    durationMs: 150,
    call: (done) => void setImmediate(done, new Error("refused")),
  });
  assert.ok(failing.calls > 0);
  assert.equal(failing.failed, failing.calls);
  assert.match(String(failing.firstError), /refused/);
  const silent = await runClosedLoop({
    concurrency: 2,
    warmUpMs: 0,
    durationMs: 1,
    drainMs: 1,
    call: () => undefined,
  });
  assert.deepEqual([silent.calls, silent.failed], [2, 2]);
  assert.match(String(silent.firstError), /had not ended/);
});
