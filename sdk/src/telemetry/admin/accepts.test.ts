import assert from "node:assert/strict";
import { test } from "node:test";
import { prefers } from "./accepts.ts";

const table = [
  { accept: undefined, want: false },
  { accept: "", want: false },
  { accept: "*/*", want: false },
  { accept: "a/b", want: true },
  { accept: "A/B; charset=utf-8", want: true },
  { accept: "a/b;q=0", want: false },
  { accept: "a/b;q=nonsense", want: false },
  { accept: "c/d, a/b;q=0.9", want: false },
  { accept: "c/d;q=0.5, a/b;v=1;q=0.5", want: true },
];

for (const { accept, want } of table) {
  test(`accept ${accept ?? "absent"}`, () => assert.equal(prefers(accept, "a/b", "c/d"), want));
}
