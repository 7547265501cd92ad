import assert from "node:assert/strict";
import { test } from "node:test";
import { meshService } from "./objects.test.fixture.ts";
import { type Notice, ToldNotices } from "./told-notices.ts";

const TAKEN: Notice = { about: meshService({}), type: "Warning", reason: "NameTaken", message: "shop has it" };

test("a notice is told once, again after an hour, and at once when it comes back", () => {
  const told = new ToldNotices();
  assert.deepEqual(told.take([TAKEN, TAKEN], 0), [TAKEN]);
  assert.deepEqual(told.take([TAKEN], 3_599_999), []);
  assert.deepEqual(told.take([TAKEN], 3_600_000), [TAKEN]);
  assert.deepEqual(told.take([], 3_600_001), []);
  assert.deepEqual(told.take([TAKEN], 3_600_002), [TAKEN]);
});
