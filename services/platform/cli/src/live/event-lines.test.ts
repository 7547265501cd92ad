import assert from "node:assert/strict";
import { test } from "node:test";
import { EventLines } from "./event-lines.ts";

test("what instances announce is told in plain text, and written only while there is no picture", () => {
  const written: string[] = [];
  const screen = { entered: false };
  const events = new EventLines(screen, { write: (text) => written.push(text) });
  events.say("instance evil/i1 1.0.0\u001b[2J\u0007\u202e joined");
  assert.deepEqual(written, ["instance evil/i1 1.0.0 joined\n"]);
  screen.entered = true;
  events.log("router-1", JSON.stringify({ level: "warn", message: "down\u001b[1m" }));
  assert.equal(written.length, 1);
  assert.match(events.lines.at(-1) ?? "", /^\d\d:\d\d:\d\d {2}\[router-1\] warn: down$/);
  for (let i = 0; i < 500; i++) events.say("x");
  assert.ok(events.lines.length <= 200);
});
