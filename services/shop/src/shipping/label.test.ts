import assert from "node:assert/strict";
import { test } from "node:test";
import { labelFor, luhnDigit } from "./label.ts";

test("the check digit is Luhn's", () => {
  assert.equal(luhnDigit("7992739871"), 3);
});

test("heavy parcels are parcels, light ones letters", () => {
  assert.match(labelFor("0d5e-1", 2_001), /^P\d+$/);
  assert.match(labelFor("0d5e-1", 2_000), /^L\d+$/);
});
