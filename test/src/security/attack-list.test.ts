// The list of attacks is whole, and every test it names is there.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findTest } from "../harness/find-test.ts";
import { ATTACKS, NUMBERED_ATTACKS, SUSPECTED_ATTACKS } from "./attack-list.ts";

test("every attack of the security model has its number once, and every suspected one its letter", () => {
  const numbers = Array.from({ length: NUMBERED_ATTACKS }, (_, i) => String(i + 1));
  assert.deepEqual(
    ATTACKS.map(({ id }) => id),
    [...numbers, ...SUSPECTED_ATTACKS],
  );
});

test("every test an attack names stands in its file, and runs a whole system", () => {
  for (const { id, tests } of ATTACKS) {
    for (const { file, title } of tests) {
      const found = findTest(title);
      assert.ok(
        found.includes(file),
        `attack ${id}: ${JSON.stringify(title)} is not in ${file}, but in ${found.join(", ") || "no file"}`,
      );
      assert.match(file, /^test\/src\/(security|integration)\//, `attack ${id}: ${file} starts no broker`);
    }
  }
});
