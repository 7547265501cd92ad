import assert from "node:assert/strict";
import { test } from "node:test";
import { printableBytes } from "./call.ts";

test("bytes go as they are into a file, and as plain text to a terminal, which would obey them", () => {
  const bytes = Buffer.from("\u001b[2Jhello\u0007\nworld\u009b1m");
  assert.equal(printableBytes(bytes, false), bytes);
  assert.equal(printableBytes(bytes, true), "hello\nworld\n");
});
