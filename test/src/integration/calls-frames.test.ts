// Payloads over 32 KiB go past the router in frames, both ways, and end as calls do.
import assert from "node:assert/strict";
import { randomFillSync } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect, loadContract, type Mesh, MeshError } from "@malla/sdk";
import { eventually, rejection, startMesh, type TestMesh, timed } from "../harness/index.ts";
import { TcpProxy } from "../harness/tcp-proxy.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
/** Long enough that one can do something to it meanwhile. */
const LONG = randomBytes(24 * MIB);
const PATIENT = { timeoutMs: 60_000 };

let mesh: TestMesh;
let caller: Mesh;
let echo: Mesh;
const ran: string[] = [];

before(async () => {
  mesh = await startMesh({ routerProcesses: true });
  echo = await mesh.service("echo", {
    echo: (value: unknown) => value,
    length: (value: Uint8Array) => value.length,
    bytes: ({ size }: { size: number }) => new Uint8Array(size).fill(7),
  });
  caller = await mesh.caller("asker");
  await mesh.routersHeard();
});

after(async () => {
  await mesh?.stop();
});

function randomBytes(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 64 * KIB) randomFillSync(bytes, at, Math.min(64 * KIB, size - at));
  return bytes;
}

/** Resolves when the transfer of this call is well under way: the broker has delivered so much more to whoever receives it. */
async function underWay(receiver: string, before: number, frames = 100): Promise<void> {
  await eventually(
    async () => assert.ok((await mesh.broker.delivered(receiver)) > before + frames, "it has not begun"),
    { withinMs: 20_000, everyMs: 5 },
  );
}

/** Resolves when an instance listens to no frames: every stream of its has ended, and nothing is held for one. */
async function nothingOpen(service: Mesh): Promise<void> {
  await eventually(async () => {
    const subjects = await mesh.broker.subscriptions(`${service.principal}/${service.instance}`);
    assert.ok(subjects.length > 0);
    assert.deepEqual(
      subjects.filter((subject) => subject.startsWith("mesh.frames.")),
      [],
    );
  });
}

/** Joins through a proxy on which a connection can be cut. */
async function linked(name: string, proxy: TcpProxy): Promise<Mesh> {
  const credentials = await mesh.credentials(name);
  return await connect({ service: name, servers: `nats://127.0.0.1:${proxy.port}`, credentials, drainOn: [] });
}

for (const size of [32 * KIB, 32 * KIB + 1, 256 * KIB, 4 * MIB, 20 * MIB]) {
  test(`${size} bytes are echoed as they were`, async () => {
    const bytes = randomBytes(size);
    const back = await caller.call<Uint8Array>("echo", "echo", bytes, PATIENT);
    assert.ok(Buffer.from(back).equals(bytes));
    await nothingOpen(echo);
  });
}

test("the router carries the handshake and the end record, whatever the size", async () => {
  const [router] = mesh.routers;
  assert.ok(router);
  const before = await mesh.broker.bytes(`${router.id}/mesh`);
  const CALLS = 10;
  for (let n = 0; n < CALLS; n++) await caller.call("echo", "echo", LONG.subarray(0, 2 * MIB), PATIENT);
  const carried = (await mesh.broker.bytes(`${router.id}/mesh`)) - before;
  assert.ok(carried < CALLS * 4 * KIB + 64 * KIB, `${carried} bytes went through the router for ${CALLS} calls`);
});

test("JSON and protobuf go in frames as bytes do", async () => {
  const value = { list: Array.from({ length: 20_000 }, (_, n) => ({ n, text: `číslo ${n}` })) };
  assert.deepEqual(await caller.call("echo", "echo", value, PATIENT), value);
  const file = join(mesh.folder, "archive.proto");
  await writeFile(
    file,
    `syntax = "proto3";
message Parcel { bytes content = 1; repeated string labels = 2; }
service Archive { rpc Keep(Parcel) returns (Parcel); }`,
  );
  const contract = await loadContract(file, { name: "archive" });
  await mesh.contractService(contract, { Keep: (parcel: unknown) => parcel as object });
  const client = caller.client(contract) as unknown as {
    Keep(parcel: object, options: object): Promise<{ content: Uint8Array; labels: string[] }>;
  };
  const content = LONG.subarray(0, 3 * MIB);
  const labels = Array.from({ length: 100 }, (_, n) => `label ${n}`);
  const kept = await client.Keep({ content, labels }, PATIENT);
  assert.ok(Buffer.from(kept.content).equals(content));
  assert.deepEqual(kept.labels, labels);
});

test("only a request, or only a reply, may be large", async () => {
  assert.equal(await caller.call("echo", "length", LONG.subarray(0, 5 * MIB), PATIENT), 5 * MIB);
  assert.equal((await caller.call<Uint8Array>("echo", "bytes", { size: 5 * MIB }, PATIENT)).length, 5 * MIB);
});

test("beyond what frames carry it is too-large with what to do, at the caller and at the instance", async () => {
  const request = (await rejection(caller.call("echo", "length", new Uint8Array(65 * MIB), PATIENT))) as MeshError;
  assert.deepEqual([request.reason, request.origin], ["too-large", "sdk"]);
  assert.match(request.message, /send it in parts/);
  const reply = (await rejection(caller.call("echo", "bytes", { size: 65 * MIB }, PATIENT))) as MeshError;
  assert.deepEqual([reply.reason, reply.origin], ["too-large", "instance"]);
});

test("200 transfers at a time all end well, and the broker cuts nobody off", async () => {
  const wide = await mesh.service("wide", { echo: (value: unknown) => value }, { maxInFlight: 300 });
  const bytes = LONG.subarray(0, 256 * KIB);
  const connected = [...(await mesh.broker.connections())].sort();
  const lengths = await Promise.all(
    Array.from({ length: 200 }, async () => (await caller.call<Uint8Array>("wide", "echo", bytes, PATIENT)).length),
  );
  assert.deepEqual(
    lengths.filter((length) => length !== bytes.length),
    [],
  );
  assert.deepEqual([...(await mesh.broker.connections())].sort(), connected);
  await nothingOpen(wide);
});

test("a plain service gets a request whole, up to what the broker carries, and nothing before", async () => {
  const plain = await mesh.raw("legacy", "micro");
  const got: number[] = [];
  const endpoints = [{ name: "work", subject: "mesh.serve.legacy.work" }];
  const info = { name: "legacy", id: "1", version: "1.0.0", type: "io.nats.micro.v1.info_response", endpoints };
  for (const verb of ["$SRV.PING", "$SRV.INFO.legacy"])
    plain.subscribe(verb, ({ reply }) => plain.publish(reply, Buffer.from(JSON.stringify(info))));
  plain.subscribe("mesh.serve.legacy.work", ({ reply, payload }) => {
    got.push(payload.length);
    plain.publish(reply, payload);
  });
  await plain.flush();
  await eventually(async () => assert.equal(await caller.call("legacy", "work", "small"), "small"), {
    withinMs: 20_000,
    everyMs: 200,
  });
  got.length = 0;
  const bytes = LONG.subarray(0, 500 * KIB);
  for (let n = 0; n < 2; n++) {
    const back = await caller.call<Uint8Array>("legacy", "work", bytes, PATIENT);
    assert.ok(Buffer.from(back).equals(bytes));
  }
  assert.deepEqual(got, [bytes.length, bytes.length]);
  const error = (await rejection(caller.call("legacy", "work", LONG.subarray(0, 2 * MIB)))) as MeshError;
  assert.equal(error.reason, "too-large");
});

test("after a Route's rewrite to another service payloads go whole, both ways", async () => {
  await mesh.service("echo-next", {
    echo: (value: unknown) => value,
    bytes: ({ size }: { size: number }) => new Uint8Array(size),
  });
  await mesh.apply(`
apiVersion: malla.dev/v1
kind: Route
metadata: { name: moved }
spec:
  match: { service: moved }
  destinations: [{ service: echo-next }]
`);
  const bytes = LONG.subarray(0, 400 * KIB);
  assert.ok(Buffer.from(await caller.call<Uint8Array>("moved", "echo", bytes, PATIENT)).equals(bytes));
  assert.equal((await caller.call<Uint8Array>("moved", "bytes", { size: 400 * KIB })).length, 400 * KIB);
});

test("a caller that gives up, and one whose time is over, leave nothing open at the instance", async () => {
  const name = `echo/${echo.instance}`;
  for (const method of ["length", "echo"]) {
    const controller = new AbortController();
    const before = await mesh.broker.delivered(method === "length" ? name : `asker/${caller.instance}`);
    const outcome = rejection(caller.call("echo", method, LONG, { ...PATIENT, signal: controller.signal }));
    await underWay(method === "length" ? name : `asker/${caller.instance}`, before);
    controller.abort();
    assert.equal(((await outcome) as MeshError).reason, "cancelled", method);
    await nothingOpen(echo);
  }
  const { result, ms } = await timed(async () => await rejection(caller.call("echo", "echo", LONG, { timeoutMs: 80 })));
  assert.equal((result as MeshError).reason, "deadline");
  assert.ok(ms < 2_000, `it took ${ms} ms`);
  await nothingOpen(echo);
  assert.equal(await caller.call("echo", "length", LONG.subarray(0, MIB), PATIENT), MIB);
});

test("the instance's connection is cut in the middle, in the request as in the reply, and the transfer goes on", async () => {
  const proxy = await TcpProxy.start(portOf(mesh.url));
  const far = await linked("far", proxy);
  try {
    await far.serve({ echo: (value: unknown) => value });
    await eventually(async () => assert.equal(await caller.call("far", "echo", 1), 1));
    for (const receiver of [`far/${far.instance}`, `asker/${caller.instance}`]) {
      const before = await mesh.broker.delivered(receiver);
      const back = caller.call<Uint8Array>("far", "echo", LONG, PATIENT);
      await underWay(receiver, before);
      proxy.reset();
      assert.ok(Buffer.from(await back).equals(LONG));
    }
    await nothingOpen(far);
  } finally {
    await far.close();
    await proxy.close();
  }
});

test("an instance killed in the middle: idempotent calls are done by another one, the others end as gone", async () => {
  await mesh.apply(`
apiVersion: malla.dev/v1
kind: ServicePolicy
metadata: { name: mortal }
spec: { service: mortal, idempotentMethods: [read] }
`);
  for (const method of ["read", "write"]) {
    const proxy = await TcpProxy.start(portOf(mesh.url));
    const handlers = (id: string) => {
      const run = (value: Uint8Array): number => {
        ran.push(`${method} ${id}`);
        return value.length;
      };
      return { read: run, write: run };
    };
    const doomed = await linked("mortal", proxy);
    await doomed.serve(handlers("doomed"));
    const name = `mortal/${doomed.instance}`;
    const before = await mesh.broker.delivered(name);
    const outcome = caller.call("mortal", method, LONG, PATIENT).catch((error: unknown) => error);
    await underWay(name, before);
    const other = await mesh.service("mortal", handlers("other"));
    proxy.refuse();
    const result = await outcome;
    if (method === "read") assert.equal(result, LONG.length);
    else assert.deepEqual([(result as MeshError).reason, (result as MeshError).status], ["gone", "UNAVAILABLE"]);
    await mesh.leave(other);
    await doomed.close();
    await proxy.close();
  }
  assert.deepEqual(ran, ["read other"]);
});

test("the broker dies in the middle: the call ends at once, and the next one goes when it is back", async () => {
  const before = await mesh.broker.delivered(`echo/${echo.instance}`);
  const outcome = rejection(caller.call("echo", "echo", LONG, PATIENT));
  await underWay(`echo/${echo.instance}`, before);
  const { ms } = await timed(async () => {
    await mesh.broker.kill();
    const error = (await outcome) as MeshError;
    assert.ok(error instanceof MeshError);
    assert.equal(error.status, "UNAVAILABLE");
  });
  assert.ok(ms < 2_000, `it took ${ms} ms`);
  await mesh.broker.restart();
  await eventually(
    async () => assert.equal(await caller.call("echo", "length", LONG.subarray(0, 3 * MIB), PATIENT), 3 * MIB),
    {
      withinMs: 20_000,
    },
  );
});

function portOf(url: string): number {
  return Number(new URL(url).port);
}
