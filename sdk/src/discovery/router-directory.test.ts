import assert from "node:assert/strict";
import { test } from "node:test";
import type { RouterState } from "../contract/index.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { ROUTER_SILENT_MS, RouterDirectory } from "./router-directory.ts";

const T0 = 50_000;
const WALL = 1_900_000_000_000;

function state(more: Partial<RouterState> = {}): RouterState {
  return {
    protocol: 1,
    version: "1.0.0",
    load: { inFlight: 0, queued: 0, loopLagMs: 0 },
    maxInFlight: 100,
    draining: false,
    policyRevision: 1,
    sentAtMs: WALL,
    capabilities: [],
    ...more,
  };
}

function directory(...ids: readonly string[]): RouterDirectory {
  const routers = new RouterDirectory();
  for (const id of ids) routers.announce(id, state(), T0, WALL);
  return routers;
}

function chosen(routers: RouterDirectory, except?: string): Set<string | undefined> {
  const random = seededRandom(1);
  const router = except === undefined ? undefined : routers.get(except);
  return new Set(Array.from({ length: 200 }, () => routers.choose(random, router)?.id));
}

test("new is said once", () => {
  const routers = new RouterDirectory();
  assert.equal(routers.announce("router-a", state(), T0, WALL), true);
  assert.equal(routers.announce("router-a", state(), T0, WALL), false);
});

test("nobody, one, and all of many", () => {
  assert.deepEqual(chosen(directory()), new Set([undefined]));
  assert.deepEqual(chosen(directory("router-a")), new Set(["router-a"]));
  assert.deepEqual(
    chosen(directory("router-a", "router-b", "router-c")),
    new Set(["router-a", "router-b", "router-c"]),
  );
});

test("of two the one with fewer calls of ours", () => {
  const routers = directory("router-a", "router-b");
  const a = routers.get("router-a") ?? assert.fail();
  a.inFlight = 1;
  assert.deepEqual(chosen(routers), new Set(["router-b"]));
});

test("under load all get about the same", () => {
  const routers = directory("router-a", "router-b", "router-c", "router-d");
  const random = seededRandom(5);
  for (let i = 0; i < 400; i++) (routers.choose(random) ?? assert.fail()).inFlight++;
  for (const { inFlight } of routers.all()) assert.ok(inFlight > 95 && inFlight < 105, String(inFlight));
});

test("one that refused is left out, and nobody is left if it is the only one", () => {
  assert.deepEqual(chosen(directory("router-a", "router-b"), "router-a"), new Set(["router-b"]));
  assert.deepEqual(chosen(directory("router-a"), "router-a"), new Set([undefined]));
});

test("draining gets nothing new, and comes back by its own word", () => {
  const routers = directory("router-a", "router-b");
  routers.announce("router-a", state({ draining: true }), T0, WALL);
  assert.deepEqual(chosen(routers), new Set(["router-b"]));
  routers.announce("router-a", state(), T0, WALL);
  assert.equal(chosen(routers).size, 2);
});

test("a suspect gets nothing for a while, or until it is heard", () => {
  const routers = directory("router-a", "router-b");
  routers.suspect("router-a", T0);
  routers.suspect("router-unknown", T0);
  assert.deepEqual(chosen(routers), new Set(["router-b"]));
  routers.sweep(T0 + 1_499);
  assert.deepEqual(chosen(routers), new Set(["router-b"]));
  routers.sweep(T0 + 1_500);
  assert.equal(chosen(routers).size, 2);
  routers.suspect("router-a", T0 + 1_500);
  routers.announce("router-a", state(), T0 + 1_501, WALL);
  assert.equal(chosen(routers).size, 2);
});

test("the silent get nothing, then are dropped; after own deafness nobody is", () => {
  const routers = directory("router-a", "router-b");
  routers.announce("router-b", state(), T0 + ROUTER_SILENT_MS, WALL);
  routers.sweep(T0 + ROUTER_SILENT_MS);
  assert.equal(chosen(routers).size, 2);
  routers.sweep(T0 + ROUTER_SILENT_MS + 1);
  assert.deepEqual(chosen(routers), new Set(["router-b"]));
  assert.notEqual(routers.get("router-a"), undefined);
  routers.sweep(T0 + 3 * ROUTER_SILENT_MS + 1);
  assert.equal(routers.get("router-a"), undefined);
  routers.thaw(T0 + 100_000);
  routers.sweep(T0 + 100_000 + ROUTER_SILENT_MS);
  assert.deepEqual(chosen(routers), new Set(["router-b"]));
});

test("no more than a thousand are remembered", () => {
  const routers = directory();
  for (let i = 0; i < 1_000; i++) assert.ok(routers.announce(`router-${i}`, state(), T0, WALL));
  assert.equal(routers.announce("router-more", state(), T0, WALL), false);
  assert.equal(routers.get("router-more"), undefined);
});

test("the router's clock is estimated by the announcement that was least late", () => {
  const routers = new RouterDirectory();
  for (const late of [400, 20, 25, 9_000]) routers.announce("router-a", state({ sentAtMs: WALL - late }), T0, WALL);
  assert.equal(routers.get("router-a")?.clockOffset.ms, -22);
});
