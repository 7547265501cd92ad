import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { describe, mock, test } from "node:test";
import { createUser } from "@nats-io/nkeys";
import type { RouteDocument } from "../contract/index.ts";
import { MemoryKeyValue } from "../testing/memory-key-value.ts";
import { MAX_POLICY_DOCUMENTS } from "./policy-bounds.ts";
import { documentKey, HEAD_KEY, type PolicyHead, signHead } from "./policy-head.ts";
import { type PolicyChange, PolicyConflict, PolicyStore, type StoredDocument } from "./policy-store.ts";

const key = createUser();
const SEED = key.getSeed();

function stored(name: string, weight = 1): StoredDocument {
  const document: RouteDocument = {
    apiVersion: "malla.dev/v1",
    kind: "Route",
    metadata: { name },
    spec: { match: { service: name }, destinations: [{ weight }] },
  };
  const bytes = Buffer.from(JSON.stringify(document));
  return { document, bytes, hash: createHash("sha256").update(bytes).digest("hex") };
}

function desk(bucket = new MemoryKeyValue()): {
  bucket: MemoryKeyValue;
  store: PolicyStore;
  apply: (...put: StoredDocument[]) => Promise<PolicyHead>;
} {
  const store = new PolicyStore(bucket, key.getPublicKey());
  return { bucket, store, apply: async (...put) => store.write(await store.read(), change(put), "ann", SEED) };
}

function change(put: readonly StoredDocument[], remove: readonly string[] = []): PolicyChange {
  return { put, remove, action: "apply" };
}

async function held(store: PolicyStore): Promise<string[]> {
  return (await store.read()).documents.map(({ document }) => document.metadata.name);
}

test("an empty bucket holds no policy", async () => {
  const { store } = desk();
  assert.deepEqual(await store.read(), { signed: undefined, documents: [], keyRevision: 0, spoiled: undefined });
  assert.deepEqual(await store.history(), []);
});

test("what was applied is read whole, each apply one revision", async () => {
  const { store, apply } = desk();
  assert.equal((await apply(stored("b"), stored("a"))).revision, 1);
  assert.equal((await apply(stored("c"))).revision, 2);
  assert.deepEqual(await held(store), ["a", "b", "c"]);
  assert.deepEqual(
    (await store.history()).map(({ revision }) => revision),
    [1, 2],
  );
});

test("an apply that changes nothing makes no revision", async () => {
  const { apply } = desk();
  await apply(stored("a"));
  assert.equal((await apply(stored("a"))).revision, 1);
});

test("a policy from a backup gets a revision above all that routers have seen, and only where it is needed", async () => {
  const { store, apply } = desk();
  const from = async (above: number): Promise<number> =>
    (await store.write(await store.read(), { ...change([stored("a")]), above }, "ann", SEED)).revision;
  assert.equal(await from(7), 8, "into an empty bucket");
  assert.equal(await from(7), 8, "a second time");
  assert.equal(await from(12), 13, "where routers are ahead of the bucket");
  assert.equal((await apply(stored("b"))).revision, 14);
});

test("removing removes, a replaced document is replaced", async () => {
  const { store, apply } = desk();
  await apply(stored("a"), stored("b"));
  await apply(stored("a", 5));
  await store.write(await store.read(), change([], ["Route/b"]), "ann", SEED);
  const { documents } = await store.read();
  assert.deepEqual(
    documents.map(({ document }) => document),
    [stored("a", 5).document],
  );
});

describe("two writers", () => {
  test("of different documents both win", async () => {
    const { bucket, store, apply } = desk();
    await apply(stored("a"));
    const base = await store.read();
    await desk(bucket).apply(stored("b"));
    const head = await store.write(base, change([stored("c")]), "ann", SEED);
    assert.equal(head.revision, 3);
    assert.deepEqual(await held(store), ["a", "b", "c"]);
  });

  test("of the same document: the second is told by whom, and nothing was written", async () => {
    const { bucket, store, apply } = desk();
    await apply(stored("a"));
    const base = await store.read();
    await desk(bucket).apply(stored("a", 2));
    await assert.rejects(store.write(base, change([stored("a", 3), stored("b")]), "bob", SEED), (error) => {
      assert.ok(error instanceof PolicyConflict);
      assert.deepEqual(error.documents, ["Route/a"]);
      assert.match(error.message, /Route\/a changed meanwhile: revision 2 by ann/);
      return true;
    });
    assert.deepEqual(
      (await store.read()).documents.map(({ document }) => document),
      [stored("a", 2).document],
    );
  });

  test("who want the same agree", async () => {
    const { bucket, store, apply } = desk();
    await apply(stored("a"));
    const base = await store.read();
    await desk(bucket).apply(stored("a", 2));
    assert.equal((await store.write(base, change([stored("a", 2)]), "bob", SEED)).revision, 2);
  });

  test("one removes what the other changes: a conflict", async () => {
    const { bucket, store, apply } = desk();
    await apply(stored("a"));
    const base = await store.read();
    await desk(bucket).apply(stored("a", 2));
    await assert.rejects(store.write(base, change([], ["Route/a"]), "bob", SEED), PolicyConflict);
  });

  test("eight at once, of a document each: all are there in the end", async () => {
    const { bucket, store } = desk();
    const base = await store.read();
    const writers = Array.from({ length: 8 }, (_, i) =>
      desk(bucket).store.write(base, change([stored(`d${i}`)]), "ann", SEED),
    );
    await Promise.all(writers);
    assert.deepEqual(
      await held(store),
      Array.from({ length: 8 }, (_, i) => `d${i}`),
    );
    assert.deepEqual(
      (await store.history()).map(({ revision }) => revision),
      [1, 2, 3, 4, 5, 6, 7, 8],
    );
  });

  test("one that always comes second gives up", async () => {
    const bucket = new MemoryKeyValue();
    const { store } = desk(bucket);
    const base = await store.read();
    const put = bucket.put.bind(bucket);
    let round = 0;
    mock.method(bucket, "put", async (name: string, value: Uint8Array, expected: number) => {
      if (name !== HEAD_KEY) return put(name, value, expected);
      const theirs = stored(`rival${round++}`);
      await put(documentKey(theirs.hash), theirs.bytes, 0);
      const { signed } = await store.readHead();
      const documents = [
        ...(signed?.head.documents ?? []),
        { kind: "Route" as const, name: theirs.document.metadata.name, hash: theirs.hash },
      ];
      await put(
        HEAD_KEY,
        signHead({ revision: round, applyId: "x", author: "rival", createdAt: "", action: "apply", documents }, SEED),
        expected,
      );
      return put(name, value, expected);
    });
    await assert.rejects(
      store.write(base, change([stored("a")]), "ann", SEED),
      /gave up after 10 races.*nothing was written/,
    );
    assert.ok(!(await held(store)).includes("a"));
  });
});

describe("a write whose answer is lost", () => {
  test("and was done is recognised: one revision", async () => {
    const { bucket, store } = desk();
    const base = await store.read();
    bucket.loseAnswers(HEAD_KEY, "written");
    const head = await store.write(base, change([stored("a")]), "ann", SEED);
    assert.equal(head.revision, 1);
    assert.equal((await store.history()).length, 1);
  });

  test("and was not done is done again", async () => {
    const { bucket, store, apply } = desk();
    await apply(stored("a"));
    const base = await store.read();
    bucket.loseAnswers(HEAD_KEY, "lost");
    const head = await store.write(base, change([stored("b")]), "ann", SEED);
    assert.equal(head.revision, 2);
    assert.deepEqual(await held(store), ["a", "b"]);
  });

  test("and was done, with another's apply on top of it already", async () => {
    const bucket = new MemoryKeyValue();
    const { store } = desk(bucket);
    const base = await store.read();
    const put = bucket.put.bind(bucket);
    let first = true;
    mock.method(bucket, "put", async (name: string, value: Uint8Array, expected: number) => {
      const outcome = await put(name, value, expected);
      if (name !== HEAD_KEY || !first) return outcome;
      first = false;
      await desk(bucket).apply(stored("later"));
      return { type: "unknown" as const, error: new Error("no answer") };
    });
    const head = await store.write(base, change([stored("a")]), "ann", SEED);
    assert.equal(head.revision, 1);
    assert.deepEqual(await held(store), ["a", "later"]);
  });

  test("of a document that did arrive changes nothing", async () => {
    const { bucket, store } = desk();
    bucket.loseAnswers(documentKey(stored("a").hash), "written");
    assert.equal((await store.write(await store.read(), change([stored("a")]), "ann", SEED)).revision, 1);
    assert.deepEqual(await held(store), ["a"]);
  });

  test("of a document that did not arrive is done again, once", async () => {
    const { bucket, store, apply } = desk();
    bucket.loseAnswers(documentKey(stored("a").hash), "lost");
    assert.equal((await apply(stored("a"))).revision, 1);
    assert.deepEqual(await held(store), ["a"]);
  });

  test("of a document that did not arrive at all throws", async () => {
    const { bucket, store } = desk();
    bucket.loseAnswers(documentKey(stored("a").hash), "lost", "lost");
    await assert.rejects(store.write(await store.read(), change([stored("a")]), "ann", SEED), /no answer/);
    assert.deepEqual(await held(store), []);
  });

  test("is looked for again while the bucket cannot be read, and is unknown in the end", async () => {
    mock.timers.enable({ apis: ["setTimeout", "Date"], now: 0 });
    try {
      const { bucket, store } = desk();
      const base = await store.read();
      bucket.loseAnswers(HEAD_KEY, "written");
      bucket.failReads(1_000);
      const writing = assert.rejects(
        store.write(base, change([stored("a")]), "ann", SEED),
        /the answer to the write did not come.*malla get all/,
      );
      for (let i = 0; i < 40; i++) {
        mock.timers.tick(500);
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
      await writing;
    } finally {
      mock.timers.reset();
    }
  });
});

describe("what cannot be trusted is not taken", () => {
  test("a head signed by another", async () => {
    const { bucket, store, apply } = desk();
    const head = await apply(stored("a"));
    await bucket.put(
      HEAD_KEY,
      signHead({ ...head, revision: 2 }, createUser().getSeed()),
      (await store.readHead()).keyRevision,
    );
    const { signed, spoiled } = await store.readHead();
    assert.match(spoiled ?? "", /not signed by this mesh's operator/);
    assert.equal(signed?.head.applyId, head.applyId);
    assert.deepEqual(await held(store), ["a"]);
    assert.deepEqual(
      (await store.history()).map(({ revision }) => revision),
      [1],
    );
  });

  test("a head that is spoiled again and again is written over by the next apply, on what held before", async () => {
    const { bucket, store, apply } = desk();
    await apply(stored("a"));
    for (let n = 0; n < 3; n++)
      await bucket.put(HEAD_KEY, Buffer.from('{"message":{}}'), (await store.readHead()).keyRevision);
    assert.equal((await apply(stored("b"))).revision, 2);
    assert.deepEqual(await held(store), ["a", "b"]);
    assert.equal((await store.readHead()).spoiled, undefined);
  });

  test("a bucket in which nothing can be trusted throws: to begin anew would be to go back", async () => {
    const { bucket, store } = desk();
    await bucket.put(HEAD_KEY, Buffer.from("nonsense"), 0);
    await assert.rejects(store.read(), /the policy head is no JSON/);
  });

  test("a document that is missing, and one that is not what its hash says", async () => {
    const { bucket, apply } = desk();
    await apply(stored("a"), stored("b"));
    const victim = documentKey(stored("a").hash);
    await bucket.delete(victim);
    await assert.rejects(desk(bucket).store.read(), /document Route\/a \([0-9a-f]{12}\) is not in the bucket/);
    await bucket.put(victim, Buffer.from("{}"), 0);
    await assert.rejects(desk(bucket).store.read(), /Route\/a is not what its hash says/);
  });
});

test("documents that were read are kept", async () => {
  const { bucket, store, apply } = desk();
  for (let i = 0; i < 3; i++) await apply(stored("a", i));
  let reads = 0;
  const get = bucket.get.bind(bucket);
  mock.method(bucket, "get", async (name: string) => {
    reads++;
    return get(name);
  });
  await store.read();
  await store.read();
  assert.equal(reads, 3, "the head twice, the document once");
});

describe("a policy that is too large", () => {
  const many = (count: number, name = (i: number) => `s${i}`): StoredDocument[] =>
    Array.from({ length: count }, (_, i) => stored(name(i)));
  const heavy = (name: string, bytes: number): StoredDocument => {
    const text = Buffer.from(JSON.stringify({ ...stored(name).document, padding: "x".repeat(bytes) }));
    return { document: stored(name).document, bytes: text, hash: createHash("sha256").update(text).digest("hex") };
  };

  test("in documents is refused whole, and nothing is written", async () => {
    const { bucket, store, apply } = desk();
    await assert.rejects(apply(...many(MAX_POLICY_DOCUMENTS + 1)), /4001 documents, at most 4000/);
    assert.deepEqual([(await store.read()).signed, (await bucket.keys("doc.")).length], [undefined, 0]);
    await apply(...many(MAX_POLICY_DOCUMENTS));
    await assert.rejects(apply(stored("one-more")), /4001 documents/);
    // Replacing is not adding.
    assert.equal((await apply(stored("s0", 2))).revision, 2);
  });

  test("in bytes: those that hold already count, those that are replaced do not", async () => {
    const { store, apply } = desk();
    const mib = 1024 * 1024;
    const half = Array.from({ length: 16 }, (_, i) => heavy(`s${i}`, mib - 200));
    await apply(...half);
    const more = Array.from({ length: 16 }, (_, i) => heavy(`t${i}`, mib - 200));
    await apply(...more);
    await assert.rejects(apply(heavy("one-more", mib)), /bytes, at most 33554432/);
    await apply(heavy("s0", mib / 2));
    assert.equal((await held(store)).length, 32);
  });

  test("in its head", async () => {
    const { apply } = desk();
    const longNames = many(MAX_POLICY_DOCUMENTS, (i) => `${i}-`.padEnd(240, "x"));
    await assert.rejects(apply(...longNames), /head of the policy would have \d+ bytes/);
  });

  test("and was signed all the same is not taken by who reads it", async () => {
    const { store } = desk();
    const entry = { kind: "Route", name: "x", hash: "0" } as const;
    const head = { revision: 1, applyId: "a", author: "ann", createdAt: "", action: "apply" };
    const documents = new Array<typeof entry>(MAX_POLICY_DOCUMENTS + 1).fill(entry);
    await assert.rejects(store.documentsOf({ ...head, documents }), /4001 documents/);
  });
});

test("a head that was deleted by hand holds on, is told, and is written over with the next revision", async () => {
  const { bucket, store, apply } = desk();
  await apply(stored("a"));
  await store.read();
  await bucket.delete(HEAD_KEY);
  const before = await store.read();
  assert.equal(before.signed?.head.revision, 1);
  assert.equal(before.spoiled, "the head of the policy was deleted");
  const head = await store.write(before, change([]), "ann", SEED);
  assert.equal(head.revision, 2);
  assert.equal((await store.read()).spoiled, undefined);
  assert.deepEqual(await held(store), ["a"]);
});

test("documents that were deleted under the head are told apart, and are put back by a write of the same", async () => {
  const { bucket, store, apply } = desk();
  const [a, b] = [stored("a"), stored("b")];
  const { revision } = await apply(a, b);
  await store.read();
  await bucket.delete(documentKey(a.hash));
  assert.deepEqual((await store.readWhatIsThere()).missing, [], "this process has it still");
  const there = await store.readWhatIsThere({ afresh: true });
  assert.deepEqual(
    there.missing?.map(({ name }) => name),
    ["a"],
  );
  assert.deepEqual(
    there.documents.map(({ hash }) => hash),
    [b.hash],
  );
  await assert.rejects(
    new PolicyStore(bucket, key.getPublicKey()).read(),
    /document Route\/a \(.*\) is not in the bucket/,
  );
  assert.equal((await store.write(there, change([a]), "ann", SEED)).revision, revision, "no revision is made for it");
  assert.deepEqual((await store.readWhatIsThere({ afresh: true })).missing, []);
});
