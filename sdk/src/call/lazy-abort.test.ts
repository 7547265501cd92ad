import assert from "node:assert/strict";
import { test } from "node:test";
import { LazyAbort } from "./lazy-abort.ts";

test("whoever asks before hears it, and whoever asks after finds it aborted, with the first reason", () => {
  const abort = new LazyAbort();
  const { signal } = abort;
  let heard: unknown;
  signal.addEventListener("abort", () => {
    heard = signal.reason;
  });
  abort.abort("first");
  abort.abort("second");
  assert.deepEqual([heard, signal.aborted, abort.signal === signal], ["first", true, true]);
  const late = new LazyAbort();
  late.abort("gone");
  assert.deepEqual([late.signal.aborted, late.signal.reason], [true, "gone"]);
});

test("nothing is aborted by being asked for", () => assert.equal(new LazyAbort().signal.aborted, false));
