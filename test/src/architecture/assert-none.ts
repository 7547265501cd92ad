import assert from "node:assert/strict";

/** Fails with every finding on a line of its own, under the rule they break. */
export function assertNone(rule: string, findings: readonly string[]): void {
  if (findings.length > 0) assert.fail(`${rule}:\n  ${findings.join("\n  ")}`);
}
