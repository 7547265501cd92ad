import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestRuntime } from "../../testing/test-runtime.ts";
import { FRAMES_IDLE_MS, UNHEARD_GONE_MS, UNHEARD_RETRY_MS } from "./frame-bounds.ts";
import { PeerWatch } from "./peer-watch.ts";

function watched() {
  const runtime = createTestRuntime();
  const looks: number[] = [];
  return { runtime, looks, watch: new PeerWatch(runtime, (nowMs) => looks.push(nowMs)) };
}

test("a peer that nobody hears is gone when that has gone on for long enough, and not if it was heard between", () => {
  const { runtime, watch } = watched();
  assert.equal(watch.unheard(), false);
  runtime.clock.advance(UNHEARD_GONE_MS - 1);
  assert.equal(watch.unheard(), false);
  watch.heard();
  runtime.clock.advance(1);
  assert.equal(watch.unheard(), false, "it counts from anew");
  runtime.clock.advance(UNHEARD_GONE_MS);
  assert.equal(watch.unheard(), true);
});

test("it is due when it has been quiet, or is said not to be there; what the broker said long ago does not count", () => {
  const { runtime, watch, looks } = watched();
  const start = runtime.clock.nowMs();
  assert.equal(watch.isDue(start), false);
  assert.equal(watch.isDue(start + FRAMES_IDLE_MS), true);
  watch.unheard();
  assert.equal(watch.isDue(start), true, "said not to be there");
  watch.lookIn(FRAMES_IDLE_MS + 100);
  runtime.clock.advance(FRAMES_IDLE_MS + 110);
  assert.equal(looks.length, 1);
  watch.asked(runtime.clock.nowMs());
  assert.equal(watch.isDue(runtime.clock.nowMs()), false, "the broker has not said so again");
});

test("it looks once for each time it was told to, and not when it was stopped", () => {
  const { runtime, watch, looks } = watched();
  watch.lookIn(1_000);
  watch.lookSoon();
  runtime.clock.advance(UNHEARD_RETRY_MS + 10);
  assert.equal(looks.length, 1);
  runtime.clock.advance(2_000);
  assert.equal(looks.length, 1);
  watch.lookSoon();
  watch.stop();
  runtime.clock.advance(2_000);
  assert.equal(looks.length, 1);
});
