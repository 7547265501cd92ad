import assert from "node:assert/strict";
import { test } from "node:test";
import type { RouteDocument } from "../contract/index.ts";
import { LivePolicy } from "./policy-holder.ts";

const route = (service: string): RouteDocument => ({
  apiVersion: "malla.dev/v1",
  kind: "Route",
  metadata: { name: "r" },
  spec: { match: { service }, destinations: [{ weight: 1 }] },
});

test("before anything is known, nothing is loaded", () => {
  const policy = new LivePolicy();
  assert.deepEqual([policy.loaded, policy.current.revision], [false, 0]);
});

test("revisions only grow: an older or equal one changes nothing", () => {
  const policy = new LivePolicy();
  assert.deepEqual(policy.swap(3, [route("a")]), []);
  const held = policy.current;
  for (const revision of [3, 2, 1]) assert.equal(policy.swap(revision, [route("b")]), undefined);
  assert.equal(policy.current, held);
  assert.notEqual(policy.swap(4, [route("b")]), undefined);
  assert.ok(policy.current.services.has("b") && !policy.current.services.has("a"));
  assert.ok(held.services.has("a"), "whoever held the old one still does");
});

test("to know that there is none is to be loaded; it takes nothing away later", () => {
  const policy = new LivePolicy();
  policy.loadEmpty();
  assert.ok(policy.loaded);
  policy.swap(1, [route("a")]);
  policy.loadEmpty();
  assert.equal(policy.current.revision, 1);
});
