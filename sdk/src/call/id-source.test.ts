import assert from "node:assert/strict";
import { randomFillSync } from "node:crypto";
import { test } from "node:test";
import { isIdToken } from "../contract/names.ts";
import { seededFill } from "../testing/seeded-random.ts";
import { IdSource } from "./id-source.ts";

test("ids are 16 characters that fit a subject, and none comes twice", () => {
  const source = new IdSource((pool) => randomFillSync(pool));
  const ids = new Set<string>();
  for (let i = 0; i < 5_000; i++) {
    const id = source.next();
    assert.ok(id.length === 16 && isIdToken(id), id);
    ids.add(id);
  }
  assert.equal(ids.size, 5_000);
});

test("every bit of them is drawn: the pool is filled anew when it is used up, no byte is used twice", () => {
  let drawn = 0;
  const fill = seededFill(3);
  const source = new IdSource((pool) => {
    drawn += pool.length;
    fill(pool);
  });
  const count = 2_048;
  for (let i = 0; i < count; i++) source.next();
  assert.equal(drawn, count * 12);
});
