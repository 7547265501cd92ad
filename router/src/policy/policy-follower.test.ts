import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { afterEach, beforeEach, mock, test } from "node:test";
import { decodePolicyPush, POLICY_LIVE_SUBJECT, type RouteDocument } from "@malla/sdk/contract";
import { HEAD_KEY, LivePolicy, openHead, PolicyStore, type StoredDocument, signHead } from "@malla/sdk/discovery";
import { createTestRuntime, MemoryKeyValue, MemoryServer, RecordedTelemetry } from "@malla/sdk/testing";
import { createUser } from "@nats-io/nkeys";
import { PolicyCache } from "./policy-cache.ts";
import { PolicyFollower } from "./policy-follower.ts";

const key = createUser();
const SEED = key.getSeed();
const PUBLIC = key.getPublicKey();

beforeEach(() => mock.timers.enable({ apis: ["setInterval"] }));
afterEach(() => mock.timers.reset());

type Kept = { head: Uint8Array; documents: readonly Uint8Array[] };

/** The file of a cache, without a disk. */
function cacheOver(disk: { kept?: Kept }): PolicyCache {
  const cache = new PolicyCache("", () => undefined);
  mock.method(cache, "load", async () => disk.kept);
  mock.method(cache, "save", async (signed: { bytes: Uint8Array }, documents: readonly StoredDocument[]) => {
    disk.kept = { head: signed.bytes, documents: documents.map(({ bytes }) => bytes) };
  });
  return cache;
}

function stored(service: string): StoredDocument {
  const document: RouteDocument = {
    apiVersion: "malla.dev/v1",
    kind: "Route",
    metadata: { name: service },
    spec: { match: { service }, destinations: [{ weight: 1 }] },
  };
  const bytes = Buffer.from(JSON.stringify(document));
  return { document, bytes, hash: createHash("sha256").update(bytes).digest("hex") };
}

// What a router follows, and the operator who changes it.
function world(
  bucket = new MemoryKeyValue(),
  disk?: { kept?: Kept },
): {
  bucket: MemoryKeyValue;
  policy: LivePolicy;
  telemetry: RecordedTelemetry;
  follower: PolicyFollower;
  pushes: NonNullable<ReturnType<typeof decodePolicyPush>>[];
  apply: (...services: string[]) => Promise<void>;
  poll: () => Promise<void>;
} {
  const server = new MemoryServer();
  const telemetry = new RecordedTelemetry();
  const policy = new LivePolicy();
  const pushes: NonNullable<ReturnType<typeof decodePolicyPush>>[] = [];
  server
    .connect()
    .subscribe(POLICY_LIVE_SUBJECT, ({ payload }) => pushes.push(decodePolicyPush(payload) ?? assert.fail()));
  const follower = new PolicyFollower({
    broker: server.connect(),
    runtime: createTestRuntime({ telemetry }),
    store: new PolicyStore(bucket, PUBLIC),
    policy,
    cache: disk === undefined ? undefined : cacheOver(disk),
    publicKey: PUBLIC,
  });
  const desk = new PolicyStore(bucket, PUBLIC);
  const breathe = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => setImmediate(resolve));
  };
  return {
    bucket,
    policy,
    telemetry,
    follower,
    pushes,
    apply: async (...services) => {
      await desk.write(await desk.read(), { put: services.map(stored), remove: [], action: "apply" }, "ann", SEED);
    },
    poll: async () => {
      mock.timers.tick(1_000);
      await breathe();
    },
  };
}

test("the bucket's policy is in force before anything else, and each change a second later", async () => {
  const w = world();
  await w.apply("orders");
  await w.follower.start();
  assert.deepEqual(
    [w.policy.current.revision, w.policy.current.services.has("orders"), w.follower.problem],
    [1, true, ""],
  );
  await w.apply("cart");
  await w.poll();
  assert.ok(w.policy.current.services.has("cart"));
  assert.deepEqual(w.telemetry.revisions, [1, 2]);
  assert.deepEqual(
    w.pushes.map(({ complete, documents }) => [complete, documents.length]),
    [
      [true, 1],
      [true, 2],
    ],
  );
  const opened = openHead(w.pushes[1]?.head ?? new Uint8Array(0), PUBLIC);
  assert.equal(typeof opened === "string" ? opened : opened.head.revision, 2);
});

test("an empty bucket is known to be empty, and says so to who asks", async () => {
  const w = world();
  await w.follower.start();
  assert.deepEqual([w.policy.loaded, w.policy.current.revision], [true, 0]);
  assert.deepEqual(decodePolicyPush(w.follower.push()), { head: Buffer.alloc(0), documents: [], complete: true });
});

test("without any policy to be had it does not begin: calls would all be let through", async () => {
  const w = world();
  await w.apply("orders");
  w.bucket.failReads(3);
  let started = false;
  const starting = w.follower.start().then(() => (started = true));
  await w.poll();
  assert.deepEqual([started, w.policy.loaded], [false, false]);
  assert.match(w.follower.problem, /no leader/);
  await w.poll();
  await w.poll();
  await w.poll();
  await starting;
  assert.equal(w.policy.current.revision, 1);
  assert.equal(w.follower.problem, "");
});

test("a start that is given up resolves", async () => {
  const w = world();
  w.bucket.failReads(1_000);
  const starting = w.follower.start();
  await w.poll();
  w.follower.stop();
  await starting;
  assert.equal(w.policy.loaded, false);
});

test("while the bucket cannot be read, what was in force stays, and one line says so", async () => {
  const w = world();
  await w.apply("orders");
  await w.follower.start();
  w.bucket.failReads(5);
  for (let i = 0; i < 5; i++) await w.poll();
  assert.equal(w.policy.current.revision, 1);
  assert.equal(w.telemetry.lines.filter(({ level }) => level === "error").length, 1);
  await w.poll();
  assert.equal(w.follower.problem, "");
});

test("a policy never goes back by itself", async () => {
  const w = world();
  await w.apply("orders");
  await w.apply("cart");
  await w.follower.start();
  const first = (await w.bucket.history(HEAD_KEY))[0]?.value ?? assert.fail();
  await w.bucket.put(HEAD_KEY, first, (await w.bucket.get(HEAD_KEY))?.revision ?? 0);
  await w.poll();
  assert.equal(w.policy.current.revision, 2);
  assert.match(w.follower.problem, /holds revision 1, but revision 2 was in force/);
});

test("a bucket that was emptied takes nothing away", async () => {
  const w = world();
  await w.apply("orders");
  await w.follower.start();
  await w.bucket.delete(HEAD_KEY);
  await w.poll();
  assert.equal(w.policy.current.revision, 1);
});

test("a head by another hand, and a document that is missing, leave what was in force", async () => {
  const w = world();
  await w.apply("orders");
  await w.follower.start();
  const entry = (await w.bucket.get(HEAD_KEY)) ?? assert.fail();
  const head = { revision: 2, applyId: "x", author: "mallory", createdAt: "", action: "apply", documents: [] };
  await w.bucket.put(HEAD_KEY, signHead(head, createUser().getSeed()), entry.revision);
  await w.poll();
  assert.match(w.follower.problem, /not signed by this mesh's operator/);
  const missing = { ...head, documents: [{ kind: "Route" as const, name: "r", hash: "0".repeat(64) }] };
  await w.bucket.put(HEAD_KEY, signHead(missing, SEED), (await w.bucket.get(HEAD_KEY))?.revision ?? 0);
  await w.poll();
  assert.match(w.follower.problem, /not in the bucket/);
  assert.equal(w.policy.current.revision, 1);
});

test("the last good policy on disk is in force where the bucket cannot be read, and gives way to a newer one", async () => {
  const disk = {};
  const first = world(new MemoryKeyValue(), disk);
  await first.apply("orders");
  await first.follower.start();
  const second = world(first.bucket, disk);
  first.bucket.failReads(1);
  await second.follower.start();
  assert.deepEqual([second.policy.current.revision, second.policy.current.services.has("orders")], [1, true]);
  await first.apply("cart");
  await second.poll();
  assert.equal(second.policy.current.revision, 2);
});

test("a disk that was tampered with is not believed", async () => {
  const head = {
    revision: 9,
    applyId: "x",
    author: "mallory",
    createdAt: "",
    action: "apply",
    documents: [{ kind: "Route" as const, name: "orders", hash: stored("orders").hash }],
  };
  const forged = [
    { head: signHead(head, createUser().getSeed()), documents: [stored("orders").bytes] },
    { head: signHead(head, SEED), documents: [stored("cart").bytes] },
    { head: signHead(head, SEED), documents: [Buffer.from("no json")] },
  ];
  for (const { head: bytes, documents } of forged) {
    const w = world(new MemoryKeyValue(), { kept: { head: bytes, documents } });
    w.bucket.failReads(1_000);
    let started = false;
    void w.follower.start().then(() => (started = true));
    await w.poll();
    assert.deepEqual([started, w.policy.loaded], [false, false]);
    w.follower.stop();
  }
});

test("documents over 512 KiB are not pushed, only the head", async () => {
  const w = world();
  const large = stored("orders");
  const document = {
    ...large.document,
    metadata: { name: "orders", annotations: { note: "x".repeat(600 * 1024) } },
  } as RouteDocument;
  const bytes = Buffer.from(JSON.stringify(document));
  const desk = new PolicyStore(w.bucket, PUBLIC);
  await desk.write(
    await desk.read(),
    { put: [{ document, bytes, hash: createHash("sha256").update(bytes).digest("hex") }], remove: [], action: "apply" },
    "ann",
    SEED,
  );
  await w.follower.start();
  const push = decodePolicyPush(w.follower.push());
  assert.deepEqual([push?.complete, push?.documents.length, (push?.head.length ?? 0) > 0], [false, 0, true]);
});
