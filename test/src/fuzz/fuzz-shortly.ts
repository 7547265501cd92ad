// The slice of the fuzzing that belongs to the tests: the same inputs every time.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { printFinding, runTarget } from "./run-target.ts";
import type { FuzzTarget } from "./target.ts";
import { Watchdog } from "./watchdog.ts";

/** The long mode draws its own. */
const SEED = 20260131;

/** One test a target. It fails with the inputs that broke something, as `--replay` takes them. */
export function fuzzShortly(targets: readonly FuzzTarget[]): void {
  const watchdog = new Watchdog();
  after(() => watchdog.close());
  for (const target of targets) {
    test(`${target.name}: ${target.shortInputs} inputs`, async () => {
      const { findings, accepted, inputs } = await runTarget(target, {
        inputs: target.shortInputs,
        seed: SEED,
        watchdog,
      });
      assert.equal(findings.length, 0, `\n${findings.map((finding) => printFinding(finding, SEED)).join("\n")}`);
      assert.ok(accepted > 0 && accepted < inputs, `${accepted} of ${inputs} were accepted: these inputs prove little`);
    });
  }
}
