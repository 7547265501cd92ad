import assert from "node:assert/strict";
import { test } from "node:test";
import type { RouteDocument } from "@malla/sdk/contract";
import { HEAD_KEY, type PolicyHead, PolicyStore } from "@malla/sdk/discovery";
import { canonicalBytes, contentHash } from "@malla/sdk/resources";
import { MemoryKeyValue } from "@malla/sdk/testing";
import { createUser } from "@nats-io/nkeys";
import type { PolicyCopy } from "./content.ts";
import { copyPolicy, restoreHistory, restorePolicy, verifyPolicy, wouldLose } from "./policy-copy.ts";

const key = createUser();
const PUBLIC_KEY = key.getPublicKey();
const SEED = key.getSeed();

async function apply(bucket: MemoryKeyValue, put: readonly string[], remove: readonly string[] = [], weight = 1) {
  const documents = put.map((name) => {
    const document: RouteDocument = {
      apiVersion: "malla.dev/v1",
      kind: "Route",
      metadata: { name },
      spec: { match: { service: name }, destinations: [{ weight }] },
    };
    return { document, bytes: canonicalBytes(document), hash: contentHash(document) };
  });
  const store = new PolicyStore(bucket, PUBLIC_KEY);
  const change = { put: documents, remove: remove.map((name) => `Route/${name}`), action: "apply" };
  return await store.write(await store.read(), change, "ann", SEED);
}

async function names(bucket: MemoryKeyValue): Promise<string[]> {
  const { documents } = await new PolicyStore(bucket, PUBLIC_KEY).read();
  return documents.map(({ document }) => document.metadata.name);
}

/** Revisions 1 to 3; in force: b, c. */
async function threeRevisions(): Promise<MemoryKeyValue> {
  const bucket = new MemoryKeyValue();
  await apply(bucket, ["a"]);
  await apply(bucket, ["b", "c"]);
  await apply(bucket, [], ["a"]);
  return bucket;
}

async function restoreInto(bucket: MemoryKeyValue, copy: PolicyCopy, above = 0): Promise<PolicyHead> {
  const store = new PolicyStore(bucket, PUBLIC_KEY);
  const policy = verifyPolicy(copy, PUBLIC_KEY);
  const base = await store.read();
  return await restorePolicy({ bucket, store, policy, base, above, author: "bob", seed: SEED });
}

test("a bucket that never had a policy has none to copy", async () => {
  assert.equal(await copyPolicy(new MemoryKeyValue(), PUBLIC_KEY), undefined);
});

test("what was in force is in force again, as a revision above the one it was", async () => {
  const copy = (await copyPolicy(await threeRevisions(), PUBLIC_KEY)) as PolicyCopy;
  assert.equal(copy.heads.length, 3);
  const bucket = new MemoryKeyValue();
  const head = await restoreInto(bucket, copy);
  assert.deepEqual([head.revision, head.action, head.author], [4, "restore of 3", "bob"]);
  assert.deepEqual(await names(bucket), ["b", "c"]);
  assert.equal((await restoreInto(bucket, copy)).revision, 4, "a second time changes nothing");
});

test("its revision is above all that routers have seen", async () => {
  const copy = (await copyPolicy(await threeRevisions(), PUBLIC_KEY)) as PolicyCopy;
  const bucket = new MemoryKeyValue();
  assert.equal((await restoreInto(bucket, copy, 41)).revision, 42);
  assert.equal((await restoreInto(bucket, copy, 50)).revision, 51);
});

test("into a policy that went on: what would be lost is told, then gone; what was removed is back", async () => {
  const bucket = await threeRevisions();
  const copy = (await copyPolicy(bucket, PUBLIC_KEY)) as PolicyCopy;
  await apply(bucket, ["b"], ["c"], 7);
  await apply(bucket, ["d"]);
  const present = await new PolicyStore(bucket, PUBLIC_KEY).read();
  assert.deepEqual(wouldLose(present, verifyPolicy(copy, PUBLIC_KEY).head), ["Route/b", "Route/d"]);
  assert.equal((await restoreInto(bucket, copy)).revision, 6);
  assert.deepEqual(await names(bucket), ["b", "c"]);
});

test("the history comes back into a new bucket, and it goes on from there", async () => {
  const copy = (await copyPolicy(await threeRevisions(), PUBLIC_KEY)) as PolicyCopy;
  const bucket = new MemoryKeyValue();
  assert.equal(await restoreHistory(bucket, verifyPolicy(copy, PUBLIC_KEY).earlier), 2);
  assert.equal((await restoreInto(bucket, copy)).revision, 4);
  const store = new PolicyStore(bucket, PUBLIC_KEY);
  const history = await store.history();
  assert.deepEqual(
    history.map(({ revision }) => revision),
    [1, 2, 4],
  );
  const first = await store.documentsOf(history[0] as PolicyHead);
  assert.deepEqual(
    first.map(({ document }) => document.metadata.name),
    ["a"],
  );
});

test("history ends where somebody else writes first, and his policy stays", async () => {
  const copy = (await copyPolicy(await threeRevisions(), PUBLIC_KEY)) as PolicyCopy;
  const bucket = new MemoryKeyValue();
  await apply(bucket, ["theirs"]);
  assert.equal(await restoreHistory(bucket, verifyPolicy(copy, PUBLIC_KEY).earlier), 0);
  assert.deepEqual(await names(bucket), ["theirs"]);
});

test("a spoiled head is not copied, the last good one is", async () => {
  const bucket = await threeRevisions();
  const { revision } = (await bucket.get(HEAD_KEY)) as { revision: number };
  await bucket.put(HEAD_KEY, new TextEncoder().encode("nonsense"), revision);
  const copy = (await copyPolicy(bucket, PUBLIC_KEY)) as PolicyCopy;
  assert.equal(verifyPolicy(copy, PUBLIC_KEY).head.revision, 3);
});

test("what is not signed by the mesh's key, or not whole, is refused", async () => {
  const copy = (await copyPolicy(await threeRevisions(), PUBLIC_KEY)) as PolicyCopy;
  assert.throws(() => verifyPolicy(copy, createUser().getPublicKey()), /not signed by this mesh's operator/);
  assert.throws(() => verifyPolicy({ ...copy, heads: [] }, PUBLIC_KEY), /it has no head/);
  assert.throws(() => verifyPolicy({ ...copy, documents: {} }, PUBLIC_KEY), /a document is missing/);
  const damaged = { ...copy, heads: ["nonsense", ...copy.heads.slice(1)] };
  assert.equal(verifyPolicy(damaged, PUBLIC_KEY).earlier.length, 1, "an earlier one is only left out");
});
