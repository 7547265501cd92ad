import assert from "node:assert/strict";
import { it } from "node:test";
import { encodeRouterState, type RouterState, routerSubject } from "@malla/sdk/contract";
import { RouterRevisions } from "./router-revisions.ts";

function world() {
  const clock = { ms: 1_000 };
  const revisions = new RouterRevisions(() => clock.ms);
  const say = (id: string, state: Partial<RouterState>): boolean =>
    revisions.hear(routerSubject(id), encodeRouterState({ ...NOBODY, ...state }));
  return { clock, revisions, say };
}

const NOBODY: RouterState = {
  protocol: 1,
  version: "1.0.0",
  load: { inFlight: 0, queued: 0, loopLagMs: 0 },
  maxInFlight: 100,
  draining: false,
  policyRevision: 0,
  sentAtMs: 0,
  capabilities: [],
};

it("says nothing before everybody had time to speak", () => {
  const { clock, revisions, say } = world();
  assert.equal(revisions.spread(1).type, "unknown");
  revisions.listening();
  say("router-a", { policyRevision: 5 });
  assert.equal(revisions.spread(1).type, "unknown");
  clock.ms += 1_500;
  assert.deepEqual(revisions.spread(5), { type: "everywhere", routers: 1 });
  revisions.deaf();
  assert.equal(revisions.spread(1).type, "unknown");
});

it("names those that are behind, and does not ask those that drain or are silent", () => {
  const { clock, revisions, say } = world();
  revisions.listening();
  clock.ms += 1_500;
  assert.equal(revisions.spread(1).type, "no-router");
  assert.equal(say("router-b", { policyRevision: 4 }), true);
  say("router-a", { policyRevision: 5 });
  say("router-c", { policyRevision: 3, draining: true });
  assert.deepEqual(revisions.spread(5), { type: "behind", routers: ["router-b"] });
  clock.ms += 3_000;
  say("router-a", { policyRevision: 5 });
  clock.ms += 600;
  assert.deepEqual(revisions.spread(5), { type: "everywhere", routers: 1 });
});

it("tells of changes only, and takes no nonsense", () => {
  const { revisions, say } = world();
  assert.equal(say("router-a", { policyRevision: 1 }), true);
  assert.equal(say("router-a", { policyRevision: 1 }), false);
  assert.equal(say("router-a", { policyRevision: 2 }), true);
  assert.equal(revisions.hear("mesh.router.a.b", new Uint8Array([255])), false);
  assert.equal(revisions.hear(routerSubject("router-a"), new Uint8Array([255, 255])), false);
});
