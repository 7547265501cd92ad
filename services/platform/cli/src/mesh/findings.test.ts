import assert from "node:assert/strict";
import { test } from "node:test";
import { API_VERSION, type MeshDocument } from "@malla/sdk/contract";
import { type Finding, findingsOf, type MeshFacts } from "./findings.ts";
import type { FoundInstance, FoundRouter } from "./survey.ts";
import type { FoundBroker } from "./survey-brokers.ts";

const access: MeshDocument = {
  apiVersion: API_VERSION,
  kind: "AccessPolicy",
  metadata: { name: "cart-callers" },
  spec: { service: "cart", action: "allow", mode: "enforce", rules: [] },
};
const router: FoundRouter = {
  id: "router-a",
  version: "0.1.0",
  inFlight: 0,
  draining: false,
  policyRevision: 3,
  clockOffsetMs: 5,
};
const instance: FoundInstance = {
  service: "cart",
  id: "i1",
  version: "1.0.0",
  kind: "sdk",
  phase: "serving",
  tags: {},
  methods: ["get"],
  inFlight: 0,
  requests: 0,
  errors: 0,
};
const broker: FoundBroker = {
  server: "127.0.0.1:4222",
  name: "malla",
  version: "2.15.2",
  problem: undefined,
  routes: undefined,
};
const well: MeshFacts = {
  brokers: [broker],
  logins: [{ who: "operator in MESH", problem: undefined }],
  credentials: [{ file: "guest.creds", expiresAtMs: undefined }],
  denied: [],
  policy: { revision: 3, documents: [access] },
  survey: { routers: [router], instances: [instance] },
  nowMs: 1_000_000_000_000,
};

function problems(more: Partial<MeshFacts>): readonly Finding[] {
  return findingsOf({ ...well, ...more }).filter(({ state }) => state !== "ok");
}

test("a mesh that is well has no problem, and says what was looked at", () => {
  assert.deepEqual(problems({}), []);
  assert.deepEqual(
    findingsOf(well).map(({ check }) => check),
    ["broker", "accounts", "credentials", "routers", "clocks", "policy", "access", "services"],
  );
});

test("each server of a cluster is looked at, and one that is missing or alone is told", () => {
  const one = { ...broker, name: "malla-1", routes: ["malla-2", "malla-3"] };
  const two = { ...broker, name: "malla-2", version: undefined, problem: "refused" };
  const three = { ...broker, name: "malla-3", routes: [] };
  const found = findingsOf({ ...well, brokers: [one, two, three] }).filter(({ check }) => check.startsWith("broker"));
  assert.deepEqual(
    found.map(({ state, check, detail }) => [state, check, detail]),
    [
      ["ok", "broker malla-1", "nats-server 2.15.2 at 127.0.0.1:4222, routes to 2 of 2"],
      ["failed", "broker malla-2", "does not answer: refused"],
      ["failed", "broker malla-3", "nats-server 2.15.2 at 127.0.0.1:4222 has no route to malla-1, malla-2"],
    ],
  );
  assert.match(found[1]?.advice ?? "", /malla-2\/nats-server\.log/);
});

const cases: readonly [name: string, facts: Partial<MeshFacts>, state: Finding["state"], text: RegExp][] = [
  [
    "an old broker",
    { brokers: [{ ...broker, version: "2.9.10" }] },
    "warning",
    /^broker: nats-server 2\.9\.10 .*older/,
  ],
  [
    "credentials of another mesh",
    { logins: [{ who: "observer", problem: "refused" }] },
    "failed",
    /^accounts: observer: refused/,
  ],
  [
    "grants that are missing",
    { denied: ["publish of mesh.x"] },
    "failed",
    /^accounts: the broker does not allow publish of mesh\.x/,
  ],
  [
    "credentials that end soon",
    { credentials: [{ file: "a.creds", expiresAtMs: well.nowMs + 1_000 }] },
    "warning",
    /^credentials: a\.creds ends 2001-/,
  ],
  ["no router", { survey: { routers: [], instances: [instance] } }, "failed", /^routers: none is running/],
  [
    "only draining routers",
    { survey: { routers: [{ ...router, draining: true }], instances: [instance] } },
    "failed",
    /^routers: all drain/,
  ],
  [
    "a clock that is off",
    { survey: { routers: [{ ...router, clockOffsetMs: -9_000 }], instances: [instance] } },
    "warning",
    /^clocks: router-a is -9000 ms off/,
  ],
  [
    "a router behind",
    { survey: { routers: [{ ...router, policyRevision: 2 }], instances: [instance] } },
    "failed",
    /^policy: .*router-a is at revision 2/,
  ],
  ["a policy that cannot be read", { policy: { problem: "not signed" } }, "failed", /^policy: not signed/],
  [
    "an open service",
    { survey: { routers: [router], instances: [instance, { ...instance, service: "open" }] } },
    "warning",
    /^access: open to everybody: open$/,
  ],
  [
    "a service without instances",
    { survey: { routers: [router], instances: [] } },
    "warning",
    /^services: policy names, but nobody serves: cart/,
  ],
  [
    "an instance that is silent",
    { survey: { routers: [router], instances: [{ ...instance, phase: "silent" }] } },
    "warning",
    /^services: did not answer: cart\/i1/,
  ],
];

for (const [name, facts, state, text] of cases) {
  test(`${name} is one ${state === "failed" ? "failure" : "warning"} with advice`, () => {
    const found = problems(facts);
    assert.equal(found.length, 1, JSON.stringify(found));
    assert.equal(found[0]?.state, state);
    assert.match(`${found[0]?.check}: ${found[0]?.detail}`, text);
    assert.notEqual(found[0]?.advice, "");
  });
}

test("a router that is ahead of what was read has just taken something newer", () => {
  assert.deepEqual(problems({ survey: { routers: [{ ...router, policyRevision: 4 }], instances: [instance] } }), []);
});

test("what the engine finds in the policy is told with its document", () => {
  const broken = {
    ...access,
    metadata: { name: "x" },
    spec: { ...access.spec, rules: [{ headers: { "x-a": { regex: "(" } } }] },
  } as MeshDocument;
  const found = problems({ policy: { revision: 3, documents: [access, broken] } });
  assert.equal(found[0]?.state, "failed");
  assert.match(found[0]?.detail ?? "", /^AccessPolicy\/x spec\.rules\[0\]\.headers/);
});
