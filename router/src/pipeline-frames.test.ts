// What a router does for payloads that go past it: it passes the handshake on, and holds none of the bytes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { header, type RouteDocument } from "@malla/sdk/contract";
import { decodeClaim } from "./idempotency/claim-record.ts";
import { V1, world } from "./pipeline.test.fixture.ts";

const STREAM = "conn-0123456789abcdef";
const HANDSHAKE = [header.stream, STREAM, header.bytes, "5000000"];
const FRAMES = { capabilities: ["frames"] };

test("a handshake goes through, the end record comes back, and the router holds the handshake alone", async () => {
  const w = world();
  let held = 0;
  w.instance(
    "i1",
    (_message, reply) => {
      held = w.active.bytes;
      reply(["Content-Type", "application/octet-stream", header.bytes, "7000000", header.load, "1,0,0"]);
    },
    FRAMES,
  );
  const reply = w.send({ fields: HANDSHAKE, way: "via" });
  await w.server.settle();
  const [run] = w.ran;
  assert.deepEqual(
    [run?.value(header.stream), run?.value(header.bytes), run?.value(header.attempt), run?.payload],
    [STREAM, "5000000", "1", ""],
  );
  const answer = w.answerTo(reply);
  assert.deepEqual(
    [answer.error, answer.value(header.bytes), answer.value("content-type"), answer.value(header.load)],
    [undefined, "7000000", "application/octet-stream", undefined],
  );
  assert.ok(held > 0 && held < 200, `${held} bytes were held`);
  w.assertClean();
});

test("a stream without frames of its own is passed on, so that the reply may use it; without a stream no reply is in frames", async () => {
  const w = world();
  w.instance("i1", (_message, reply) => reply([header.bytes, "7000000"]), FRAMES);
  const withStream = w.send({ fields: [header.stream, STREAM], payload: "{}" });
  const plain = w.send({ payload: "{}" });
  await w.server.settle();
  assert.deepEqual(
    w.ran.map(({ value }) => [value(header.stream), value(header.bytes)]),
    [
      [STREAM, undefined],
      [undefined, undefined],
    ],
  );
  assert.deepEqual(
    [w.answerTo(withStream).value(header.bytes), w.answerTo(plain).value(header.bytes)],
    ["7000000", undefined],
  );
  w.assertClean();
});

test("who takes no frames: the caller is told to send it whole, and nothing starts", async () => {
  const route: RouteDocument = {
    apiVersion: V1,
    kind: "Route",
    metadata: { name: "elsewhere" },
    spec: { match: { service: "moved" }, destinations: [{ service: "orders", weight: 1 }] },
  };
  for (const [service, more] of [
    ["orders", {}],
    ["moved", FRAMES],
  ] as const) {
    const w = world([route]);
    w.instance("i1", undefined, more);
    const reply = w.send({ service, fields: HANDSHAKE });
    await w.server.settle();
    const answers = w.answers.filter(({ subject }) => subject === reply);
    assert.deepEqual(
      answers.map(({ value, error }) => [value(header.notice), error?.reason]),
      [
        ["whole", undefined],
        [undefined, "too-large"],
      ],
      service,
    );
    assert.deepEqual(w.ran, []);
    w.assertClean();
  }
});

test("nonsense in a handshake is refused before anything is opened", async () => {
  const w = world();
  w.instance("i1", undefined, FRAMES);
  const replies = [
    w.send({ fields: [header.bytes, "5"] }),
    w.send({ fields: [header.stream, "conn", header.bytes, "5"] }),
    w.send({ fields: [header.stream, STREAM, header.bytes, "five"] }),
    w.send({ fields: HANDSHAKE, payload: "{}" }),
  ];
  await w.server.settle();
  for (const reply of replies) assert.equal(w.answerTo(reply).error?.reason, "bad-request");
  assert.deepEqual(w.ran, []);
  w.assertClean();
});

test("with an idempotency key the reply that went past the router is not kept, and the call is not made again", async () => {
  const w = world();
  w.instance("i1", (_message, reply) => reply([header.bytes, "7000000"]), FRAMES);
  const first = w.send({ fields: [...HANDSHAKE, header.idempotencyKey, "k"] });
  await w.server.settle();
  assert.equal(w.answerTo(first).value(header.bytes), "7000000");
  const [key] = await w.bucket.keys("");
  const entry = await w.bucket.get(key ?? "");
  assert.equal(decodeClaim(entry?.value ?? new Uint8Array(0))?.state, "done-unkept");
  const again = w.send({ fields: [...HANDSHAKE, header.idempotencyKey, "k"] });
  await w.server.settle();
  assert.equal(w.answerTo(again).error?.reason, "gone");
  assert.equal(w.ran.length, 1);
  w.assertClean();
});
