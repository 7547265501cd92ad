// Policy from an operator's file to every router: whole or not at all, live within two seconds, and nothing is dropped.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ensureKeys, policySigningKey } from "@malla/broker-config";
import { type Mesh, MeshError } from "@malla/sdk";
import { HEAD_KEY, PolicyConflict, type PolicyHead, signHead } from "@malla/sdk/discovery";
import {
  eventually,
  type PolicyDesk,
  readDocuments,
  rejection,
  startLoad,
  startMesh,
  type TestMesh,
  timed,
} from "../harness/index.ts";

let mesh: TestMesh;
let caller: Mesh;

before(async () => {
  mesh = await startMesh({ routers: 2 });
  for (const version of ["1.2.0", "2.0.0"]) {
    await mesh.service("catalog", { list: () => version, get: () => version }, { version, maxInFlight: 5_000 });
  }
  caller = await mesh.caller("storefront");
  await mesh.routersHeard();
});

after(async () => {
  await mesh?.stop();
});

function split(first: number, second: number, more = ""): string {
  return `
apiVersion: malla.dev/v1
kind: Route
metadata: { name: canary }
spec:
  match: { service: catalog, methods: [list] }
  destinations:
    - { version: "1.x", weight: ${first} }
    - { version: "2.x", weight: ${second}${more} }
`;
}

function access(name: string, spec: string): string {
  return `
apiVersion: malla.dev/v1
kind: AccessPolicy
metadata: { name: ${name} }
spec: ${spec}
`;
}

async function failure(promise: Promise<unknown>): Promise<MeshError> {
  const error = await rejection(promise);
  assert.ok(error instanceof MeshError, String(error));
  return error;
}

test("without any policy everything is open and every instance gets calls", async () => {
  const versions = new Set<string>();
  for (let n = 0; n < 40; n++) versions.add(await caller.call("catalog", "list", {}));
  assert.deepEqual(versions, new Set(["1.2.0", "2.0.0"]));
  assert.equal(caller.policyRevision, 0);
});

test("a 90/10 split holds within 3 % over 10,000 calls, and other methods are untouched", async () => {
  await mesh.apply(split(90, 10));
  let second = 0;
  const CALLS = 10_000;
  let begun = 0;
  const workers = Array.from({ length: 64 }, async () => {
    while (begun++ < CALLS) if ((await caller.call("catalog", "list", {})) === "2.0.0") second++;
  });
  await Promise.all(workers);
  assert.ok(second > CALLS * 0.07 && second < CALLS * 0.13, `${second} of ${CALLS}`);
  // Side by side: one call at a time would go to whichever instance answered a little faster so far.
  const others = new Set(await Promise.all(Array.from({ length: 200 }, async () => caller.call("catalog", "get", {}))));
  assert.equal(others.size, 2);
});

test("calls with one key go one way", async () => {
  for (const key of ["user-1", "user-2", "žofie"]) {
    const versions = new Set<string>();
    for (let n = 0; n < 30; n++) versions.add(await caller.call("catalog", "list", {}, { key }));
    assert.equal(versions.size, 1, key);
  }
});

test("swaps under load fail no call, and each is live everywhere within two seconds", async () => {
  const answered: { version: string; startedAtMs: number }[] = [];
  const load = startLoad(64, async () => {
    const startedAtMs = performance.now();
    answered.push({ version: await caller.call<string>("catalog", "list", {}), startedAtMs });
  });
  const desk = await mesh.desk();
  for (const [first, second, only] of [
    [0, 100, "2.0.0"],
    [100, 0, "1.2.0"],
    [0, 100, "2.0.0"],
  ] as const) {
    await desk.apply(split(first, second));
    const appliedAtMs = performance.now();
    await sleep(2_400);
    const late = answered.filter(({ startedAtMs }) => startedAtMs > appliedAtMs + 2_000);
    assert.ok(late.length > 0);
    assert.deepEqual([...new Set(late.map(({ version }) => version))], [only]);
    answered.length = 0;
  }
  const { calls, failures } = await load.stop();
  assert.deepEqual(failures.map(String).slice(0, 3), [], `${failures.length} of ${calls} failed`);
});

test("a share whose instances are not there is refused, not given to others, unless it says so", async () => {
  const missing = `
apiVersion: malla.dev/v1
kind: Route
metadata: { name: canary }
spec:
  match: { service: catalog, methods: [list] }
  destinations:
    - { version: "1.x", weight: 50 }
    - { version: "9.x", weight: 50 }
`;
  await mesh.apply(missing);
  const CALLS = 200;
  const outcomes = await Promise.all(
    Array.from(
      { length: CALLS },
      async () =>
        await caller
          .call<string>("catalog", "list", {}, { timeoutMs: 4_000 })
          .catch((error: MeshError) => error.reason),
    ),
  );
  const refused = outcomes.filter((outcome) => outcome === "no-instance").length;
  assert.ok(refused > CALLS * 0.35 && refused < CALLS * 0.65, `${refused} of ${CALLS} were refused`);
  assert.equal(outcomes.filter((outcome) => outcome === "1.2.0").length, CALLS - refused);
  await mesh.apply(missing.replace('"9.x", weight: 50', '"9.x", weight: 50, failover: any'));
  for (let n = 0; n < 40; n++) assert.equal(await caller.call("catalog", "list", {}), "1.2.0");
});

test("a broken document is refused with line and reason, and what was in force stays", async () => {
  const desk = await mesh.desk();
  await mesh.apply(split(0, 100));
  const { signed } = await desk.read();
  const broken: readonly [string, RegExp][] = [
    [split(90, 10).replace("weight: 90", "weigth: 90"), /policy\.yaml:8:\d+.*weigth/s],
    [split(-5, 10), /policy\.yaml:8:\d+.*weight/s],
    [split(0, 0), /policy\.yaml:7:\d+.*at least one weight must be above 0/],
    [split(90, 10).replace("kind: Route", "kind: Rout"), /policy\.yaml:3:\d+.*Rout/s],
    [`${split(90, 10)}\n---\n  - ]`, /policy\.yaml:\d+:\d+/],
    [split(90, 10).replace('"1.x"', '"not a range"'), /policy\.yaml:8:\d+.*must be a version range/],
  ];
  for (const [yaml, expected] of broken) {
    const error = await rejection(desk.apply(yaml));
    assert.match(error.message, expected);
  }
  assert.equal((await desk.read()).signed?.head.revision, signed?.head.revision);
  assert.equal(await caller.call("catalog", "list", {}), "2.0.0");
});

test("two writers at once: the same document conflicts, different ones both hold", async () => {
  const [one, two] = await Promise.all([mesh.desk("ann"), mesh.desk("bob")]);
  const base = await one.read();
  await one.apply(split(70, 30), base);
  const error = await rejection(two.apply(split(30, 70), base));
  assert.ok(error instanceof PolicyConflict, String(error));
  assert.match(error.message, /Route\/canary.*by ann/);
  const again = await one.read();
  await Promise.all([
    one.apply(access("for-a", "{ service: a, action: allow, rules: [{ principals: [x] }] }"), again),
    two.apply(access("for-b", "{ service: b, action: allow, rules: [{ principals: [x] }] }"), again),
  ]);
  const names = (await one.read()).documents.map(({ document }) => document.metadata.name);
  for (const name of ["canary", "for-a", "for-b"]) assert.ok(names.includes(name), names.join(" "));
});

test("ten writers of ten documents at once lose none", async () => {
  const desks = await Promise.all(Array.from({ length: 10 }, async (_, i) => await mesh.desk(`writer-${i}`)));
  const base = await (desks[0] as PolicyDesk).read();
  const results = await Promise.allSettled(
    desks.map(
      async (desk, i) =>
        await desk.apply(access(`crowd-${i}`, `{ service: crowd-${i}, action: allow, rules: [] }`), base),
    ),
  );
  const landed = results.flatMap(({ status }, i) => (status === "fulfilled" ? [`crowd-${i}`] : []));
  const names = new Set(
    (await (desks[0] as PolicyDesk).read()).documents.map(({ document }) => document.metadata.name),
  );
  for (const name of landed) assert.ok(names.has(name), `${name} was said to be written and is not there`);
  assert.equal(
    landed.length,
    10,
    results.map((result) => (result.status === "rejected" ? String(result.reason) : "")).join("\n"),
  );
});

test("who is not allowed gets PERMISSION_DENIED with the policy's name; the allowed one goes on", async () => {
  const stranger = await mesh.caller("stranger");
  await mesh.apply(
    access(
      "catalog-callers",
      "{ service: catalog, action: allow, rules: [{ principals: [storefront], methods: [list] }] }",
    ),
  );
  assert.equal(typeof (await caller.call("catalog", "list", {})), "string");
  for (const [who, method] of [
    [stranger, "list"],
    [caller, "get"],
  ] as const) {
    const error = await failure(who.call("catalog", method, {}));
    assert.deepEqual(
      [error.status, error.reason, error.origin, error.attempts],
      ["PERMISSION_DENIED", "denied", "router", 0],
    );
    assert.match(error.message, /catalog/);
  }
  await mesh.apply(
    access("no-storefront", "{ service: catalog, action: deny, rules: [{ principals: [storefront] }] }"),
  );
  assert.match((await failure(caller.call("catalog", "list", {}))).message, /no-storefront/);
  await mesh.remove("AccessPolicy/no-storefront", "AccessPolicy/catalog-callers");
  assert.equal(typeof (await stranger.call("catalog", "get", {})), "string");
});

test("a method that is not there, and a service that is not, look the same to whom access is denied", async () => {
  await mesh.apply(
    access("vault-closed", "{ service: catalog, action: allow, rules: [{ principals: [nobody-at-all] }] }"),
  );
  for (const method of ["list", "secretMethod"])
    assert.equal((await failure(caller.call("catalog", method, {}))).reason, "denied");
  await mesh.remove("AccessPolicy/vault-closed");
});

test("a policy in audit mode refuses nobody", async () => {
  await mesh.apply(
    access("trial", "{ service: catalog, action: deny, mode: audit, rules: [{ principals: [storefront] }] }"),
  );
  assert.equal(typeof (await caller.call("catalog", "list", {})), "string");
  await mesh.remove("AccessPolicy/trial");
});

test("a route to another service is judged by that service too", async () => {
  await mesh.service("backroom", { list: () => "from the backroom" });
  await mesh.apply(`
apiVersion: malla.dev/v1
kind: Route
metadata: { name: canary }
spec:
  match: { service: catalog, methods: [list] }
  destinations: [{ service: backroom, weight: 1 }]
`);
  assert.equal(await caller.call("catalog", "list", {}), "from the backroom");
  await mesh.apply(access("backroom-closed", "{ service: backroom, action: allow, rules: [{ principals: [owner] }] }"));
  assert.equal((await failure(caller.call("catalog", "list", {}))).reason, "denied");
  await mesh.remove("AccessPolicy/backroom-closed", "Route/canary");
});

test("an SDK follows the revision, also one that joins late", async () => {
  const { revision } = await mesh.apply(split(100, 0));
  await eventually(() => assert.equal(caller.policyRevision, revision));
  const late = await mesh.caller("latecomer");
  await eventually(() => assert.equal(late.policyRevision, revision));
});

test("a router started later enforces what holds before it takes a call", async () => {
  const { revision } = await mesh.apply(split(0, 100));
  const fresh = await mesh.addRouter();
  assert.equal(await mesh.metric(fresh, "mesh_config_revision"), revision);
  const states = await mesh.watchRouters();
  await eventually(() => assert.equal(states.get(fresh.id)?.policyRevision, revision));
});

test("rollback is the old head's documents under a new revision", async () => {
  const desk = await mesh.desk();
  const good = await mesh.apply(split(100, 0));
  const bad = await mesh.apply(split(0, 100));
  assert.equal(await caller.call("catalog", "list", {}), "2.0.0");
  const history = await desk.store.history();
  const target = history.find(({ revision }) => revision === good.revision) as PolicyHead;
  const documents = await desk.store.documentsOf(target);
  const head = await desk.write(await desk.read(), {
    put: documents,
    remove: [],
    action: `rollback to ${good.revision}`,
  });
  assert.equal(head.revision, bad.revision + 1);
  await mesh.policyInForce(head.revision);
  assert.equal(await caller.call("catalog", "list", {}), "1.2.0");
});

test("a head signed by another key is ignored by every router, and the next true one is taken", async () => {
  const desk = await mesh.desk();
  const before = await desk.read();
  const revision = (before.signed as NonNullable<typeof before.signed>).head.revision;
  const stored = readDocuments(access("forged", "{ service: catalog, action: deny, rules: [{}] }"))[0] as ReturnType<
    typeof readDocuments
  >[number];
  const foreign = policySigningKey(await ensureKeys(`${mesh.folder}/foreign`));
  const forged: PolicyHead = {
    revision: revision + 5,
    applyId: "forged",
    author: "mallory",
    createdAt: new Date().toISOString(),
    action: "apply",
    documents: [{ kind: "AccessPolicy", name: "forged", hash: stored.hash }],
  };
  await desk.bucket.put(`doc.${stored.hash}`, stored.bytes, 0);
  const outcome = await desk.bucket.put(
    HEAD_KEY,
    signHead(forged, new TextEncoder().encode(foreign.reveal())),
    before.keyRevision,
  );
  assert.equal(outcome.type, "written");
  await sleep(2_200);
  assert.equal(await caller.call("catalog", "list", {}), "1.2.0");
  for (const router of mesh.routers.filter(({ running }) => running)) {
    assert.equal(await mesh.metric(router, "mesh_config_revision"), revision);
  }
  // The true head comes back, one revision on.
  const { head } = before.signed as NonNullable<typeof before.signed>;
  const restored = signHead({ ...head, revision: revision + 1, applyId: "restored" }, desk.seed);
  await desk.bucket.put(HEAD_KEY, restored, (outcome as { revision: number }).revision);
  await mesh.policyInForce(revision + 1);
});

test("an old head that is put back is refused: what was in force stays", async () => {
  const desk = await mesh.desk();
  const old = await desk.bucket.get(HEAD_KEY);
  await mesh.apply(split(0, 100));
  const now = await desk.bucket.get(HEAD_KEY);
  assert.ok(old && now);
  const { signed } = await desk.read();
  assert.ok(signed);
  const { revision } = signed.head;
  await desk.bucket.put(HEAD_KEY, old.value, now.revision);
  await sleep(2_200);
  assert.equal(await caller.call("catalog", "list", {}), "2.0.0");
  const stale = await desk.bucket.get(HEAD_KEY);
  await desk.bucket.put(HEAD_KEY, now.value, stale?.revision ?? 0);
  await mesh.policyInForce(revision);
});

test("routers keep the last good policy while it cannot be read", async () => {
  const { revision } = await mesh.apply(split(0, 100));
  const desk = await mesh.desk();
  const now = await desk.read();
  // A head whose document was never written: as if a writer died, or the bucket lost it.
  const head: PolicyHead = {
    ...(now.signed?.head as PolicyHead),
    revision: revision + 1,
    applyId: "torn",
    documents: [{ kind: "Route", name: "canary", hash: "0".repeat(64) }],
  };
  await desk.bucket.put(HEAD_KEY, signHead(head, desk.seed), now.keyRevision);
  await sleep(2_200);
  for (let n = 0; n < 20; n++) assert.equal(await caller.call("catalog", "list", {}), "2.0.0");
  const { result } = await timed(
    async () =>
      await mesh.metric(
        mesh.routers.find(({ running }) => running) as (typeof mesh.routers)[number],
        "mesh_config_revision",
      ),
  );
  assert.equal(result, revision);
});
