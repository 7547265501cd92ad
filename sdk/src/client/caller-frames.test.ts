// Both ends of a stream over a broker in memory, without any router: what a handshake has opened goes on by itself.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, test } from "node:test";
import type { BrokerMessage } from "../broker/broker.ts";
import { CreditBudget } from "../call/frames/credit-budget.ts";
import { MAX_CREDITED_BYTES, MAX_FRAME_BYTES, MAX_SILENT_MS, MAX_WINDOW_FRAMES } from "../call/frames/frame-bounds.ts";
import { FramePool, type FramePoolBounds } from "../call/frames/frame-pool.ts";
import {
  encodeCredit,
  encodeFrame,
  encodeOffer,
  encodeStreamCancel,
  readFrameMessage,
} from "../call/frames/frame-wire.ts";
import type { OfferEnd } from "../call/frames/offered-payload.ts";
import { MeshError } from "../contract/index.ts";
import { InstanceFrames, type Transfer } from "../server/instance-frames.ts";
import { type MemoryBroker, MemoryServer } from "../testing/memory-broker.ts";
import { RecordedTelemetry } from "../testing/recorded-telemetry.ts";
import { createTestRuntime } from "../testing/test-runtime.ts";
import { CallerFrames } from "./caller-frames.ts";
import { ServiceInboxes } from "./service-inboxes.ts";

const MIB = 1024 * 1024;
const EMPTY = new Uint8Array(0);
const ID = "0123456789abcdef";
const INBOX = `_INBOX.cart.orders.conn.${ID}`;
const FRAMES = `mesh.frames.orders.i1.cart.conn-${ID}`;

interface InstanceEnd {
  readonly broker: MemoryBroker;
  readonly pool: FramePool;
  readonly frames: InstanceFrames;
}

function world(bounds: Partial<FramePoolBounds> = {}) {
  const server = new MemoryServer();
  const telemetry = new RecordedTelemetry();
  const runtime = createTestRuntime({ telemetry });
  const broker = server.connect();
  const pool = new FramePool(bounds);
  const inboxes: ServiceInboxes = new ServiceInboxes(broker, runtime.clock, "cart", "conn", (...heard) =>
    frames.hear(...heard),
  );
  const frames = new CallerFrames({ broker, runtime, pool, inboxes, principal: "cart", connection: "conn" });
  const waiting = new Set([ID]);
  frames.start((service, id) => service === "orders" && waiting.has(id));
  frames.enter("orders");
  const instance = (id: string): InstanceEnd => {
    const own = { broker: server.connect(), pool: new FramePool(bounds) };
    return { ...own, frames: new InstanceFrames({ ...own, runtime, service: "orders", instance: id }) };
  };
  /** Moves time on in steps, letting messages arrive in each. */
  const pass = async (ms: number): Promise<void> => {
    await server.settle();
    for (let left = ms; left > 0; left -= 25) {
      runtime.clock.advance(Math.min(25, left));
      await server.settle();
    }
  };
  return { server, telemetry, runtime, broker, pool, frames, waiting, instance, pass };
}

type World = ReturnType<typeof world>;

function bytesOf(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at++) bytes[at] = (at * 7 + (at >> 10)) & 0xff;
  return bytes;
}

interface Received {
  readonly payloads: Uint8Array[];
  readonly errors: MeshError[];
  readonly transfer: Transfer;
}

function unexpected(): void {
  assert.fail("nothing was to come of this");
}

/** A router's handshake: the instance awaits a request of the caller's. */
function receive({ frames }: InstanceEnd, bytes: number, attempt = 1, id = ID): Received {
  const payloads: Uint8Array[] = [];
  const errors: MeshError[] = [];
  const end = { principal: "cart", stream: `conn-${id}`, attempt };
  const transfer = frames.receive(
    end,
    bytes,
    (payload) => payloads.push(payload),
    (error) => errors.push(error),
  );
  if (transfer instanceof MeshError) throw transfer;
  return { payloads, errors, transfer };
}

interface Offered {
  readonly told: (OfferEnd | "sent all")[];
  readonly transfer: Transfer;
}

/** The instance replies. */
function offer({ frames }: InstanceEnd, payload: Uint8Array, attempt = 1, hasOtherWay = false, id = ID): Offered {
  const told: (OfferEnd | "sent all")[] = [];
  const end = { principal: "cart", stream: `conn-${id}`, attempt };
  const transfer = frames.offer(end, payload, hasOtherWay, {
    sentAll: () => told.push("sent all"),
    failed: (why) => told.push(why),
  });
  assert.ok(transfer);
  return { told, transfer };
}

/** The router's word that the call has ended. */
function awaitReply({ frames }: World, bytes: number, id = ID): (MeshError | Uint8Array | undefined)[] {
  const came: (MeshError | Uint8Array | undefined)[] = [];
  frames.awaitReply("orders", id, bytes, (error, payload) => came.push(error ?? payload));
  return came;
}

/** Loses each message to which it is true for the first time. */
function loseOnce(server: MemoryServer, match: (message: BrokerMessage) => boolean): void {
  const stop = server.lose((message) => {
    if (!match(message)) return false;
    stop();
    return true;
  });
}

function isFrame({ headers }: BrokerMessage): boolean {
  const read = readFrameMessage(headers);
  return typeof read !== "string" && read.type === "frame";
}

describe("a request in frames", () => {
  test("arrives whole, and both ends hold nothing afterwards", async () => {
    const mesh = world();
    const instance = mesh.instance("i1");
    const payload = bytesOf(MIB + 5);
    mesh.frames.hold("orders", ID, payload);
    const { payloads, transfer } = receive(instance, payload.length);
    await mesh.server.settle();
    assert.deepEqual(payloads.length, 1);
    assert.ok(payload.equals(payloads[0] as Uint8Array));
    assert.equal(instance.pool.bytes, payload.length);
    transfer.close();
    mesh.frames.close(ID);
    assert.deepEqual([instance.pool.bytes, instance.frames.size, mesh.frames.size], [0, 0, 0]);
    assert.equal(instance.pool.credit.free, new CreditBudget().free);
    const moved = { service: "orders", frames: 65, bytes: payload.length };
    assert.deepEqual(mesh.telemetry.frames, [
      { reporter: "instance", direction: "received", ...moved },
      { reporter: "caller", direction: "sent", ...moved },
    ]);
  });

  test("goes on when a frame, a credit or the first of all got lost", async () => {
    for (const lost of [isFrame, (message: BrokerMessage) => message.subject === INBOX]) {
      const mesh = world();
      const payload = bytesOf(MIB);
      mesh.frames.hold("orders", ID, payload);
      loseOnce(mesh.server, lost);
      const { payloads } = receive(mesh.instance("i1"), payload.length);
      await mesh.pass(1_000);
      assert.ok(payload.equals(payloads[0] ?? EMPTY));
    }
  });

  test("goes on when either end was cut off and is back", async () => {
    for (const cut of ["caller", "instance"] as const) {
      const mesh = world();
      const instance = mesh.instance("i1");
      const payload = bytesOf(2 * MIB);
      mesh.frames.hold("orders", ID, payload);
      const { payloads } = receive(instance, payload.length);
      let frames = 0;
      const stop = mesh.server.lose((message) => isFrame(message) && ++frames > 30);
      await mesh.server.settle();
      const broker = cut === "caller" ? mesh.broker : instance.broker;
      broker.disconnect();
      await mesh.pass(900);
      stop();
      broker.reconnect();
      await mesh.pass(1_000);
      assert.ok(payload.equals(payloads[0] ?? EMPTY), cut);
    }
  });

  test("whose caller is gone is given up after three seconds, one whose caller says nothing after ten", async () => {
    const mesh = world();
    const instance = mesh.instance("i1");
    const gone = receive(instance, MIB);
    mesh.broker.disconnect();
    await mesh.pass(2_500);
    assert.deepEqual(gone.errors, []);
    await mesh.pass(1_000);
    assert.deepEqual(
      gone.errors.map(({ reason }) => reason),
      ["cancelled"],
    );
    mesh.broker.reconnect();
    const mute = receive(instance, MIB);
    mesh.server.lose(isFrame);
    mesh.frames.hold("orders", ID, bytesOf(MIB));
    await mesh.pass(MAX_SILENT_MS + 500);
    assert.equal(mute.errors.length, 1);
    assert.deepEqual([instance.pool.bytes, instance.frames.size], [0, 0]);
  });

  test("begins anew for a later attempt at another instance, and the earlier one gets no more", async () => {
    const mesh = world();
    const [first, second] = [mesh.instance("i1"), mesh.instance("i2")];
    const payload = bytesOf(MIB);
    mesh.frames.hold("orders", ID, payload);
    let frames = 0;
    const stop = mesh.server.lose((message) => isFrame(message) && ++frames > 20);
    const one = receive(first, payload.length);
    await mesh.server.settle();
    stop();
    const two = receive(second, payload.length, 2);
    await mesh.pass(1_000);
    assert.ok(payload.equals(two.payloads[0] ?? EMPTY));
    assert.deepEqual(one.payloads, []);
  });

  test("is refused where there is no room, and where it is too large for any", () => {
    const mesh = world({ maxFramedBytes: 3 * MIB, maxBytes: 4 * MIB, maxBytesPerPeer: 3 * MIB });
    const instance = mesh.instance("i1");
    const end = (id: string, principal = "cart") => ({ principal, stream: `conn-${id}`, attempt: 1 });
    const take = (id: string, bytes: number, principal?: string): Transfer | MeshError =>
      instance.frames.receive(end(id, principal), bytes, unexpected, unexpected);
    const reason = (outcome: Transfer | MeshError): string => (outcome instanceof MeshError ? outcome.reason : "taken");
    assert.equal(reason(take("a".repeat(16), 3 * MIB + 1)), "too-large");
    assert.equal(reason(take("b".repeat(16), 2 * MIB)), "taken");
    // The stream of another call.
    assert.equal(reason(take("b".repeat(16), MIB)), "bad-request");
    assert.equal(reason(take("c".repeat(16), 2 * MIB)), "overloaded");
    assert.equal(reason(take("d".repeat(16), 2 * MIB, "shop")), "taken");
    assert.equal(reason(take("e".repeat(16), MIB, "view")), "overloaded");
    assert.equal(instance.frames.size, 2);
  });
});

describe("a reply in frames", () => {
  test("is the caller's when router and instance have both said all, whichever is first", async () => {
    for (const first of ["frames", "end record"] as const) {
      const mesh = world();
      const instance = mesh.instance("i1");
      const payload = bytesOf(MIB + 1);
      let came: (MeshError | Uint8Array | undefined)[] = [];
      const { told } = offer(instance, payload);
      for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
      if (first === "end record") came = awaitReply(mesh, payload.length);
      await mesh.server.settle();
      if (first === "frames") came = awaitReply(mesh, payload.length);
      assert.equal(came.length, 1);
      assert.ok(payload.equals(came[0] as Uint8Array), first);
      assert.deepEqual(told, ["sent all"]);
      mesh.frames.close(ID);
      assert.deepEqual([instance.pool.bytes, instance.frames.size, mesh.pool.bytes, mesh.frames.size], [0, 0, 0, 0]);
      assert.equal(mesh.pool.credit.free, new CreditBudget().free);
    }
  });

  test("goes on when an offer, a frame, a credit or the last word got lost", async () => {
    let credits = 0;
    const isLastCredit = (message: BrokerMessage): boolean => message.subject === FRAMES && ++credits === 9;
    for (const lost of [
      (message: BrokerMessage) => message.subject === INBOX,
      isFrame,
      (message: BrokerMessage) => message.subject === FRAMES,
      isLastCredit,
    ]) {
      const mesh = world();
      const instance = mesh.instance("i1");
      const payload = bytesOf(MIB);
      loseOnce(mesh.server, lost);
      offer(instance, payload);
      await mesh.pass(1_500);
      const [came] = awaitReply(mesh, payload.length);
      assert.ok(payload.equals(came as Uint8Array));
      assert.deepEqual([instance.pool.bytes, instance.frames.size], [0, 0], "the instance heard that all has come");
    }
  });

  test("that nobody listens to is told at once where it can go another way, else after three seconds", async () => {
    for (const hasOtherWay of [true, false]) {
      const mesh = world();
      mesh.broker.disconnect();
      const { told } = offer(mesh.instance("i1"), bytesOf(MIB), 1, hasOtherWay);
      await mesh.pass(1_000);
      assert.deepEqual(told, hasOtherWay ? ["unheard"] : []);
      await mesh.pass(2_500);
      assert.deepEqual(told, ["unheard"]);
    }
  });

  test("whose caller gave up is freed at both ends at once", async () => {
    const mesh = world();
    const instance = mesh.instance("i1");
    let frames = 0;
    mesh.server.lose((message) => isFrame(message) && ++frames > 20);
    const { told } = offer(instance, bytesOf(4 * MIB));
    await mesh.server.settle();
    assert.ok(instance.pool.bytes > 0 && mesh.pool.bytes > 0);
    mesh.frames.close(ID);
    await mesh.server.settle();
    assert.deepEqual([instance.pool.bytes, instance.frames.size, mesh.pool.bytes, mesh.frames.size], [0, 0, 0, 0]);
    assert.deepEqual(told, ["refused"]);
  });

  test("of an instance that died is lost for who knows from its router that the call has ended", async () => {
    const mesh = world();
    const instance = mesh.instance("i1");
    let frames = 0;
    mesh.server.lose((message) => isFrame(message) && ++frames > 20);
    offer(instance, bytesOf(MIB));
    await mesh.server.settle();
    await instance.broker.close();
    instance.frames.stop();
    const came = awaitReply(mesh, MIB);
    await mesh.pass(2_500);
    assert.deepEqual(came, []);
    await mesh.pass(1_500);
    assert.deepEqual(
      came.map((one) => (one as MeshError).reason),
      ["gone"],
    );
    assert.equal(mesh.pool.bytes, 0);
  });

  test("of a later attempt takes the place of an earlier one, whose frames are dropped", async () => {
    const mesh = world();
    const [first, second] = [mesh.instance("i1"), mesh.instance("i2")];
    let frames = 0;
    const stop = mesh.server.lose((message) => isFrame(message) && ++frames > 20);
    offer(first, Buffer.alloc(MIB, 1), 1);
    await mesh.server.settle();
    stop();
    offer(second, Buffer.alloc(MIB, 2), 2);
    await mesh.pass(1_000);
    first.broker.publish(INBOX, Buffer.alloc(10, 1), undefined, encodeFrame(1, 0, false));
    await mesh.server.settle();
    assert.deepEqual([first.pool.bytes, second.pool.bytes], [0, 0]);
    const [came] = awaitReply(mesh, MIB);
    assert.ok(Buffer.alloc(MIB, 2).equals(came as Uint8Array));
  });

  test("that a caller takes without ever saying so is held for ten seconds, and keeps its call from ending beyond a share", async () => {
    for (const count of [2, 4]) {
      const mesh = world({ maxBytesPerPeer: 2 * MIB });
      mesh.broker.disconnect();
      const instance = mesh.instance("i1");
      const hostile = mesh.server.connect();
      const say = (subject: string, next: number, again = false): void =>
        hostile.publish(subject, EMPTY, undefined, encodeCredit(1, { next, until: next + 16, again }));
      hostile.subscribe("_INBOX.cart.orders.conn.*", ({ headers, reply }) => {
        const read = readFrameMessage(headers);
        if (typeof read === "string" || read.type !== "offer") return;
        for (const next of [0, 16, 32, 48]) say(reply, next);
        // Everything has been sent now; it asks for the end of it again and again.
        say(reply, 48, true);
      });
      const offers = Array.from({ length: count }, (_, n) =>
        offer(instance, bytesOf(MIB), 1, false, String(n).repeat(16)),
      );
      await mesh.pass(MAX_SILENT_MS - 1_000);
      for (const { told } of offers) assert.deepEqual(told, count === 2 ? ["sent all"] : []);
      assert.equal(instance.pool.bytes, count * MIB);
      await mesh.pass(2_000);
      for (const { told } of offers) assert.deepEqual(told, count === 2 ? ["sent all"] : ["gone"]);
      assert.deepEqual([instance.pool.bytes, instance.frames.size], [0, 0]);
    }
  });

  test("waits for room at its caller", async () => {
    const mesh = world({ maxBytes: 2 * MIB, maxBytesPerPeer: 2 * MIB });
    const release = mesh.pool.hold("orders", MIB + 1);
    const instance = mesh.instance("i1");
    const { told } = offer(instance, bytesOf(MIB));
    await mesh.pass(1_000);
    assert.deepEqual(told, []);
    release();
    await mesh.pass(500);
    assert.deepEqual(told, ["sent all"]);
  });
});

test("200 transfers at a time stay within the credit of one connection, and all end", async () => {
  const mesh = world();
  const instance = mesh.instance("i1");
  const size = 300 * 1024;
  const ids = Array.from({ length: 200 }, (_, n) => `stream${String(n).padStart(10, "0")}`);
  let underWay = 0;
  let most = 0;
  mesh.server.lose((message) => {
    if (isFrame(message)) most = Math.max(most, ++underWay);
    return false;
  });
  // What is published and not yet read is what the broker holds for a client that reads slowly.
  instance.broker.subscribe("mesh.frames.orders.i1.cart.*", (message) => void (isFrame(message) && underWay--));
  const all = ids.map((id) => {
    mesh.frames.hold("orders", id, bytesOf(size));
    return receive(instance, size, 1, id);
  });
  await mesh.pass(1_000);
  assert.equal(all.filter(({ payloads }) => payloads.length === 1).length, 200);
  assert.ok(most * MAX_FRAME_BYTES <= MAX_CREDITED_BYTES, `${most} frames were under way`);
  assert.ok(most > MAX_WINDOW_FRAMES * 4, "they did not go at the same time");
});

test("a receiver that grants nothing gets nothing: the sender waits, and holds no copy", async () => {
  const mesh = world();
  const instance = mesh.instance("i1");
  // Somebody else has all the credit of this connection.
  const others: number[] = [];
  instance.pool.credit.take({ granted: (frames) => others.push(frames) }, instance.pool.credit.free);
  let frames = 0;
  mesh.server.lose((message) => {
    if (isFrame(message)) frames++;
    return false;
  });
  const payload = bytesOf(MIB);
  mesh.frames.hold("orders", ID, payload);
  const { payloads, errors } = receive(instance, payload.length);
  await mesh.pass(MAX_SILENT_MS + 1_000);
  assert.deepEqual([frames, payloads.length, errors.length], [0, 0, 0]);
  instance.pool.credit.give(others[0] as number);
  await mesh.pass(500);
  assert.ok(payload.equals(payloads[0] ?? EMPTY));
});

describe("what is not of a stream that was opened is dropped and counted", () => {
  const rejected = ({ telemetry }: World): string[] => telemetry.rejections.map(({ stage }) => stage);

  test("at an instance: without a handshake, beyond the credit, of the wrong kind, after the end", async () => {
    const mesh = world();
    const instance = mesh.instance("i1");
    // The caller is not there to count the instance's credits as unasked for.
    mesh.broker.disconnect();
    const own = receive(instance, 100 * 1024);
    const hostile = mesh.server.connect();
    const send = async (headers: Uint8Array, subject = FRAMES): Promise<void> => {
      hostile.publish(subject, Buffer.from("x"), undefined, headers);
      await mesh.server.settle();
    };
    await send(encodeFrame(1, 0, false), `mesh.frames.orders.i1.cart.conn-${"x".repeat(16)}`);
    await send(encodeFrame(1, 10_000, false));
    await send(encodeCredit(1, { next: 0, until: 4, again: false }));
    await send(encodeOffer(1, 5));
    await send(encodeStreamCancel(1));
    await send(EMPTY);
    await send(Buffer.from("NATS/1.0 503\r\nNats-Subject: somebody.else\r\n\r\n"));
    assert.deepEqual(
      rejected(mesh),
      Array.from({ length: 7 }, () => "frames"),
    );
    const other = receive(instance, MIB, 1, "y".repeat(16));
    own.transfer.close();
    await send(encodeFrame(1, 0, false));
    assert.deepEqual(rejected(mesh).slice(7), ["frames-ended"]);
    other.transfer.close();
    await send(encodeFrame(1, 0, false));
    assert.equal(rejected(mesh).length, 8, "nobody listens any more");
  });

  test("at a caller: of another service, by another's subject, of no call, beyond the credit, after the end", async () => {
    const mesh = world();
    const hostile = mesh.server.connect();
    mesh.frames.hold("orders", ID, bytesOf(MIB));
    mesh.frames.enter("stock");
    const heard: string[] = [];
    for (const subject of ["mesh.run.payments.i1.cart.charge", FRAMES, "mesh.frames.*.*.*.*"])
      hostile.subscribe(subject, (message) => heard.push(message.subject));
    const credit = encodeCredit(1, { next: 0, until: 4, again: false });
    const send = async (headers: Uint8Array, reply?: string, subject = INBOX): Promise<void> => {
      hostile.publish(subject, EMPTY, reply, headers);
      await mesh.server.settle();
    };
    await send(credit, "mesh.run.payments.i1.cart.charge");
    await send(credit, `mesh.frames.payments.i1.cart.conn-${ID}`);
    await send(credit, `mesh.frames.orders.i1.admin.conn-${ID}`);
    await send(credit, `mesh.frames.orders.i1.cart.conn-${"z".repeat(16)}`);
    await send(credit, FRAMES, `_INBOX.cart.stock.conn.${ID}`);
    await send(encodeOffer(1, 5), `mesh.frames.stock.i1.cart.conn-${ID}`, `_INBOX.cart.stock.conn.${ID}`);
    await send(encodeOffer(1, 5), FRAMES, `_INBOX.cart.orders.conn.${"n".repeat(16)}`);
    await send(encodeFrame(1, 0, true));
    await send(encodeStreamCancel(1));
    await send(Buffer.from("nonsense"));
    assert.deepEqual(
      rejected(mesh),
      Array.from({ length: 10 }, () => "frames"),
    );
    assert.deepEqual(heard, []);
    await send(encodeOffer(1, MIB), FRAMES);
    await send(encodeFrame(1, MAX_WINDOW_FRAMES, false));
    assert.deepEqual(rejected(mesh).slice(10), ["frames"]);
    mesh.frames.close(ID);
    await send(encodeFrame(1, 0, false));
    assert.deepEqual(rejected(mesh).slice(11), ["frames-ended"]);
    assert.equal(mesh.pool.bytes, 0);
  });

  test("who offers what nobody wants any more is told so", async () => {
    const mesh = world();
    const instance = mesh.instance("i1");
    mesh.frames.hold("orders", ID, bytesOf(MIB));
    mesh.frames.close(ID);
    const { told } = offer(instance, bytesOf(MIB));
    await mesh.pass(100);
    assert.deepEqual([told, instance.pool.bytes], [["refused"], 0]);
  });
});

test("where direct calls are answered too, an answer that comes late is nobody's fault; elsewhere it is told", async () => {
  for (const answersComeToo of [false, true]) {
    const server = new MemoryServer();
    const telemetry = new RecordedTelemetry();
    const runtime = createTestRuntime({ telemetry });
    const broker = server.connect();
    const inboxes: ServiceInboxes = new ServiceInboxes(broker, runtime.clock, "cart", "conn", (...heard) =>
      frames.hear(...heard),
    );
    const own = { broker, runtime, inboxes, principal: "cart", connection: "conn" };
    const frames = new CallerFrames({ ...own, pool: new FramePool(), answersComeToo });
    frames.enter("orders");
    server.connect().publish(INBOX, Buffer.from("late"));
    await server.settle();
    assert.equal(telemetry.rejections.length, answersComeToo ? 0 : 1);
    frames.stop();
  }
});
