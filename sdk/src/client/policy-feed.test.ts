// Pushes of a router that holds a router's key and nothing of the operator's.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { createUser } from "@nats-io/nkeys";
import { encodePolicyPush, POLICY_LIVE_SUBJECT } from "../contract/index.ts";
import { signHead } from "../discovery/policy-head.ts";
import { LivePolicy } from "../discovery/policy-holder.ts";
import { MemoryServer } from "../testing/memory-broker.ts";
import { RecordedTelemetry } from "../testing/recorded-telemetry.ts";
import { createTestRuntime } from "../testing/test-runtime.ts";
import { PolicyFeed } from "./policy-feed.ts";

const operator = createUser();
const document = Buffer.from(
  JSON.stringify({
    apiVersion: "malla.dev/v1",
    kind: "ServicePolicy",
    metadata: { name: "orders" },
    spec: { service: "orders" },
  }),
);

function push(
  revision: number,
  key = operator,
  carried: readonly Uint8Array[] = [document],
  complete = true,
): Uint8Array {
  const head = {
    revision,
    applyId: `a${revision}`,
    author: "ann",
    createdAt: "2030-01-01T00:00:00.000Z",
    action: "apply",
    documents: [
      { kind: "ServicePolicy", name: "orders", hash: createHash("sha256").update(document).digest("hex") } as const,
    ],
  };
  return encodePolicyPush({ head: signHead(head, key.getSeed()), documents: carried, complete });
}

function feeding() {
  const telemetry = new RecordedTelemetry();
  const runtime = createTestRuntime({ telemetry });
  const server = new MemoryServer();
  const [broker, router] = [server.connect(), server.connect()];
  const policy = new LivePolicy();
  const feed = new PolicyFeed({
    broker,
    runtime,
    policy,
    publicKey: operator.getPublicKey(),
    ask: async () => push(1),
  });
  feed.start();
  const hear = async (bytes: Uint8Array): Promise<void> => {
    router.publish(POLICY_LIVE_SUBJECT, bytes);
    await server.settle();
  };
  return { telemetry, policy, feed, hear };
}

test("what the operator signed is taken, revisions only grow, and the same again is nobody's fault", async () => {
  const { telemetry, policy, hear } = feeding();
  for (const revision of [3, 3, 5]) await hear(push(revision));
  assert.equal(policy.current.revision, 5);
  assert.deepEqual(telemetry.rejections, []);
});

test("an older revision, another's key, other documents and nonsense are refused, each counted and told once", async () => {
  const { telemetry, policy, hear } = feeding();
  await hear(push(5));
  const hostile = [
    push(4),
    push(6, createUser()),
    push(6, operator, [Buffer.from("{}")]),
    push(6, operator, []),
    Uint8Array.from([255, 255, 255]),
  ];
  for (const bytes of hostile) await hear(bytes);
  assert.equal(policy.current.revision, 5);
  assert.ok(policy.current.services.has("orders"));
  assert.deepEqual(
    telemetry.rejections,
    hostile.map(() => ({ stage: "policy", reason: "unauthenticated" })),
  );
  assert.equal(telemetry.lines.length, hostile.length);
});

test("that there is no policy yet does not end one that is in force", async () => {
  const { policy, hear } = feeding();
  await hear(push(5));
  await hear(encodePolicyPush({ head: new Uint8Array(0), documents: [], complete: true }));
  assert.equal(policy.current.revision, 5);
});

test("who joins asks once", async () => {
  const { policy, feed } = feeding();
  await feed.join();
  assert.equal(policy.current.revision, 1);
});
