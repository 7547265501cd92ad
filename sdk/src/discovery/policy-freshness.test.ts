import assert from "node:assert/strict";
import { test } from "node:test";
import { PolicyFreshness, STALE_AFTER_MS } from "./policy-freshness.ts";
import { LivePolicy } from "./policy-holder.ts";

test("a policy that was never heard is not fresh; that there is none is knowledge too", () => {
  const policy = new LivePolicy();
  const freshness = new PolicyFreshness(policy);
  assert.equal(freshness.isFresh(0), false);
  policy.loadEmpty();
  assert.equal(freshness.isFresh(0), true);
});

test("behind any router for long it is stale, until it is heard", () => {
  const policy = new LivePolicy();
  policy.swap(3, []);
  const freshness = new PolicyFreshness(policy);
  freshness.heard(2, 0);
  freshness.heard(3, 0);
  assert.equal(freshness.isFresh(1e6), true);
  freshness.heard(4, 1_000);
  // A router that lags behind says nothing about the others.
  freshness.heard(3, 1_500);
  assert.equal(freshness.isFresh(1_000 + STALE_AFTER_MS), true);
  assert.equal(freshness.isFresh(1_001 + STALE_AFTER_MS), false);
  policy.swap(4, []);
  assert.equal(freshness.isFresh(1e6), true);
});

test("a revision after the other does not give it more time", () => {
  const policy = new LivePolicy();
  policy.swap(1, []);
  const freshness = new PolicyFreshness(policy);
  for (let revision = 2; revision < 10; revision++) freshness.heard(revision, revision * 500);
  assert.equal(freshness.isFresh(1_000 + STALE_AFTER_MS + 1), false);
  policy.swap(9, []);
  freshness.heard(10, 60_000);
  assert.equal(freshness.isFresh(60_000 + STALE_AFTER_MS), true);
});
