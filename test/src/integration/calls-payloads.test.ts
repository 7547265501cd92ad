// What can travel in a call, both ways: JSON, bytes, protobuf, nothing, much, and any script.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type CallContext, loadContract, type Mesh, MeshError } from "@malla/sdk";
import { callSubject } from "@malla/sdk/contract";
import { eventually, rejection, startMesh, type TestMesh } from "../harness/index.ts";

let mesh: TestMesh;
let caller: Mesh;
const seen: { headers: ReadonlyMap<string, string>; principal: string; value: unknown }[] = [];

const TEXT = "žluťoučký kůň 🐎 مرحبا 日本語";

before(async () => {
  mesh = await startMesh({ serves: ["echo", "billing"] });
  await mesh.service("echo", {
    echo: (value: unknown, { headers, principal }: CallContext) => {
      seen.push({ value, headers, principal });
      return value;
    },
    kind: (value: unknown) => (value instanceof Uint8Array ? `bytes ${value.length}` : typeof value),
    nothing: () => undefined,
    null: () => null,
    bytes: ({ size }: { size: number }) => new Uint8Array(size).fill(7),
    text: ({ size }: { size: number }) => "x".repeat(size),
    unencodable: () => ({ amount: 1n }),
  });
  caller = await mesh.caller("asker");
});

after(async () => {
  await mesh?.stop();
});

test("JSON values come back as they were", async () => {
  const values = [{ a: [1, "two", { three: null }] }, [], {}, 0, -1.5, "", TEXT, true, false, null];
  for (const value of values) assert.deepEqual(await caller.call("echo", "echo", value), value);
  assert.equal(seen.at(-1)?.principal, "asker");
});

test("undefined, an omitted request and an empty result are null, in both directions", async () => {
  assert.equal(await caller.call("echo", "echo"), null);
  assert.equal(await caller.call("echo", "echo", undefined), null);
  assert.equal(await caller.call("echo", "nothing", {}), null);
  assert.equal(await caller.call("echo", "null", {}), null);
});

test("bytes travel as bytes, empty ones too", async () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  assert.deepEqual(new Uint8Array(await caller.call("echo", "echo", bytes)), bytes);
  assert.equal(await caller.call("echo", "kind", new Uint8Array(0)), "bytes 0");
  const empty = await caller.call<Uint8Array>("echo", "bytes", { size: 0 });
  assert.ok(empty instanceof Uint8Array);
  assert.equal(empty.length, 0);
});

test("what cannot be JSON is a TypeError at the caller and `handler` at the callee", async () => {
  assert.ok((await rejection(caller.call("echo", "echo", { amount: 1n }))) instanceof TypeError);
  const error = await rejection(caller.call("echo", "unencodable", {}));
  assert.ok(error instanceof MeshError);
  assert.deepEqual([error.status, error.reason, error.origin], ["UNKNOWN", "handler", "instance"]);
  assert.match(error.message, /cannot be encoded/);
});

test("names that cannot be sent are a TypeError and nothing is sent", async () => {
  for (const [service, method] of [
    ["Echo", "echo"],
    ["echo.x", "echo"],
    ["echo", "a.b"],
    ["echo", "*"],
    ["echo", "_probe"],
    ["", "echo"],
  ] as const) {
    assert.ok((await rejection(caller.call(service, method))) instanceof TypeError, `${service} ${method}`);
  }
  for (const timeoutMs of [0, -1, Number.NaN]) {
    assert.ok((await rejection(caller.call("echo", "echo", 1, { timeoutMs }))) instanceof TypeError);
  }
});

test("headers travel in any script, and the mesh's own cannot be forged", async () => {
  await caller.call("echo", "echo", {}, { headers: { "X-Beta": "yes", "x-text": TEXT, "x-empty": "" } });
  const { headers } = seen.at(-1) as (typeof seen)[number];
  assert.deepEqual([headers.get("x-beta"), headers.get("x-text"), headers.get("x-empty")], ["yes", TEXT, ""]);
  for (const name of ["Malla-Caller", "malla-status", "Nats-Service-Error", "traceparent", "Authorization"]) {
    assert.ok(
      (await rejection(caller.call("echo", "echo", {}, { headers: { [name]: "x" } }))) instanceof TypeError,
      name,
    );
  }
  for (const value of ["a\r\nb: c", "a\nb", "\u0000"]) {
    assert.ok((await rejection(caller.call("echo", "echo", {}, { headers: { x: value } }))) instanceof TypeError);
  }
});

test("a payload close to the broker's limit passes both ways, in frames and relayed", async () => {
  const size = 1024 * 1024 - 1024;
  const bytes = new Uint8Array(size).fill(3);
  for (const by of [caller, await mesh.caller("guest", { role: "guest" })]) {
    const back = await by.call<Uint8Array>("echo", "echo", bytes);
    assert.equal(back.length, size);
    assert.deepEqual([back[0], back[size - 1]], [3, 3]);
    assert.equal((await by.call<string>("echo", "text", { size })).length, size);
  }
});

test("over the broker's limit it is too-large for who takes no frames, wherever that is found, and nothing breaks", async () => {
  const limit = 1024 * 1024;
  // A guest may publish no frames.
  const guest = await mesh.caller("guest", { role: "guest" });
  // From far over the limit to where only the headers that the router adds make it too large.
  for (const size of [limit * 3, limit + 1, limit - 20, limit - 150, limit - 250]) {
    const outcome = await guest.call<Uint8Array>("echo", "echo", new Uint8Array(size)).catch((error: unknown) => error);
    if (outcome instanceof Uint8Array) {
      assert.equal(outcome.length, size);
      continue;
    }
    assert.ok(outcome instanceof MeshError, String(outcome));
    assert.deepEqual(
      [outcome.status, outcome.reason],
      ["RESOURCE_EXHAUSTED", "too-large"],
      `${size}: ${outcome.message}`,
    );
  }
  const reply = await rejection(guest.call("echo", "bytes", { size: limit + 1 }));
  assert.deepEqual([(reply as MeshError).reason, (reply as MeshError).origin], ["too-large", "instance"]);
  assert.deepEqual(await guest.call("echo", "echo", "still here"), "still here");
});

test("relayed replies right below the limit end as a reply or as too-large, never as silence", async () => {
  const limit = 1024 * 1024;
  const guest = await mesh.caller("guest", { role: "guest" });
  for (let size = limit - 260; size < limit; size += 20) {
    const outcome = await guest
      .call<Uint8Array>("echo", "bytes", { size }, { timeoutMs: 2_000 })
      .catch((error: unknown) => error as MeshError);
    if (outcome instanceof MeshError) assert.equal(outcome.reason, "too-large", `${size}: ${outcome.message}`);
    else assert.equal(outcome.length, size);
  }
});

test("a one-way publish runs and is answered by nobody", async () => {
  const guest = await mesh.raw("visitor", "guest");
  const count = seen.length;
  guest.publish(callSubject("visitor", "echo", "echo"), Buffer.from(JSON.stringify("one-way")));
  await eventually(() => assert.equal(seen.length, count + 1));
  assert.deepEqual([seen.at(-1)?.value, seen.at(-1)?.principal], ["one-way", "visitor"]);
});

test("a contract speaks protobuf to its client and JSON to everybody else", async () => {
  const file = join(mesh.folder, "billing.proto");
  await writeFile(
    file,
    `syntax = "proto3";
package test.billing;
import "google/protobuf/timestamp.proto";
enum Currency { CURRENCY_UNSPECIFIED = 0; EUR = 1; }
message ChargeRequest { int64 cents = 1; Currency currency = 2; bytes token = 3; }
message ChargeReply { string receipt_id = 1; int64 cents = 2; google.protobuf.Timestamp at = 3; }
service Billing {
  rpc Charge(ChargeRequest) returns (ChargeReply);
  rpc Look(ChargeRequest) returns (ChargeReply) { option idempotency_level = NO_SIDE_EFFECTS; }
}`,
  );
  const contract = await loadContract(file, { name: "billing" });
  const charge = (request: unknown): object => {
    const { cents, currency } = request as { cents: bigint; currency: string };
    return { receiptId: `r-${cents}-${currency}`, cents };
  };
  await mesh.contractService(contract, { Charge: charge, Look: charge });
  const client = caller.client(contract) as unknown as {
    Charge(request: object): Promise<{ receiptId: string; cents: bigint }>;
  };
  const reply = await client.Charge({ cents: 9_007_199_254_740_993n, currency: "EUR", token: new Uint8Array([1, 2]) });
  assert.deepEqual([reply.receiptId, reply.cents], ["r-9007199254740993-EUR", 9_007_199_254_740_993n]);
  // The JSON mapping of protobuf writes 64-bit integers as text.
  assert.deepEqual(await caller.call("billing", "Charge", { cents: "500", currency: "EUR" }), {
    receiptId: "r-500-EUR",
    cents: "500",
  });
  const wrong = (await rejection(caller.call("billing", "Charge", { cents: "five" }))) as MeshError;
  assert.deepEqual([wrong.status, wrong.reason], ["INVALID_ARGUMENT", "application"]);
  const garbage = await rejection(caller.call("billing", "Charge", new Uint8Array([0xff, 0xff, 0xff])));
  assert.equal((garbage as MeshError).status, "INVALID_ARGUMENT");
});
