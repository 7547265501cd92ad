import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { isReason, type MeshReason, reasonTable, retryRuleOf } from "./reasons.ts";
import { isStatus } from "./status.ts";

const REASONS = Object.keys(reasonTable) as MeshReason[];

test("docs/errors.md has the table of the code, row by row", () => {
  const docs = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");
  const rows = docs.split("\n").filter((line) => /^\| `[a-z-]+` \| `[A-Z_]+` \|/.test(line));
  const want = REASONS.map((reason) => {
    const { status, http, mayHaveRun, retry, meaning } = reasonTable[reason];
    return `| \`${reason}\` | \`${status}\` | ${http} | ${mayHaveRun ? "yes" : "no"} | ${retry} | ${meaning} |`;
  });
  assert.deepEqual(rows, want);
});

test("the design's table: status, HTTP, whether it may have run", () => {
  const design: Record<MeshReason, readonly [string, number, boolean]> = {
    "bad-request": ["INTERNAL", 400, false],
    unauthenticated: ["UNAUTHENTICATED", 401, false],
    denied: ["PERMISSION_DENIED", 403, false],
    "no-service": ["UNIMPLEMENTED", 501, false],
    "no-method": ["UNIMPLEMENTED", 501, false],
    "no-instance": ["UNAVAILABLE", 503, false],
    "breaker-open": ["UNAVAILABLE", 503, false],
    "rate-limited": ["RESOURCE_EXHAUSTED", 429, false],
    overloaded: ["RESOURCE_EXHAUSTED", 429, false],
    "parking-full": ["RESOURCE_EXHAUSTED", 429, false],
    "too-large": ["RESOURCE_EXHAUSTED", 413, false],
    "not-started": ["UNAVAILABLE", 503, false],
    gone: ["UNAVAILABLE", 503, true],
    deadline: ["DEADLINE_EXCEEDED", 504, true],
    cancelled: ["CANCELLED", 499, true],
    handler: ["UNKNOWN", 500, true],
    internal: ["INTERNAL", 500, true],
  };
  const actual = Object.fromEntries(
    REASONS.map((reason) => [
      reason,
      [reasonTable[reason].status, reasonTable[reason].http, reasonTable[reason].mayHaveRun],
    ]),
  );
  assert.deepEqual(actual, design);
});

test("what may have run is never tried elsewhere without asking whether that does harm", () => {
  for (const reason of REASONS) {
    const { mayHaveRun, retry, status } = reasonTable[reason];
    assert.ok(isStatus(status));
    if (mayHaveRun) assert.notEqual(retry, "elsewhere", reason);
    else assert.notEqual(retry, "if-idempotent", reason);
  }
});

test("the table is closed", () => {
  for (const reason of REASONS) assert.ok(isReason(reason));
  assert.ok(isReason("application"));
  for (const name of ["", "Denied", "toString", "__proto__", "ok"]) assert.ok(!isReason(name), name);
  assert.equal(retryRuleOf("application"), "no");
  assert.equal(retryRuleOf("not-started"), "elsewhere");
  assert.equal(retryRuleOf("gone"), "if-idempotent");
});
