// Hostile ends of streams: callers who send frames that nobody asked for, instances whose credits point at others.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Mesh } from "@malla/sdk";
import type { BrokerMessage, NatsBroker } from "@malla/sdk/broker";
import { callSubject, encodeHeaderBlock, headerValue, parseHeaderBlock } from "@malla/sdk/contract";
import { RecordedTelemetry } from "@malla/sdk/testing";
import { eventually, rejection } from "../harness/index.ts";
import { BesiegedMesh } from "./besieged-mesh.ts";
import { hostileInstance } from "./hostile-instance.ts";

const EMPTY = new Uint8Array(0);
const FRAME = new Uint8Array(16 * 1024);
const STREAM = "rawconn-0123456789abcdef";
const FLOOD = 20_000;

let besieged: BesiegedMesh;
let vault: Mesh;
let depositor: Mesh;
const atVault = new RecordedTelemetry();
const atDepositor = new RecordedTelemetry();
let streams = 0;
const kept: { principal: string; length: number }[] = [];

before(async () => {
  besieged = await BesiegedMesh.start();
  vault = await besieged.mesh.service(
    "vault",
    {
      keep: (value: Uint8Array, { principal }: { principal: string }) => {
        kept.push({ principal, length: value.length });
        return value;
      },
    },
    { telemetry: atVault },
  );
  depositor = await besieged.mesh.caller("depositor", { telemetry: atDepositor });
  await besieged.mesh.routersHeard();
});

after(async () => {
  await besieged?.stop();
});

function refusals({ rejections }: RecordedTelemetry, stage: string): number {
  return rejections.filter((one) => one.stage === stage).length;
}

/** A handshake by hand: `size` bytes will follow. Resolves to the subject on which the instance awaits them. */
async function handshake(client: NatsBroker, size: number): Promise<string> {
  const id = `0123456789${String(++streams).padStart(6, "0")}`;
  const credit = new Promise<string>((resolve) => {
    const subscription = client.subscribe(`_INBOX.mallory.vault.rawconn.${id}`, ({ reply }) => {
      subscription.unsubscribe();
      resolve(reply);
    });
  });
  const fields = ["Malla-Stream", `rawconn-${id}`, "Malla-Bytes", String(size), "Malla-Timeout", "60000"];
  const reply = `_INBOX.mallory.raw.${crypto.randomUUID()}`;
  client.publish(callSubject("mallory", "vault", "keep"), EMPTY, reply, encodeHeaderBlock(fields));
  return await credit;
}

function frame(seq: number, last = false): Uint8Array {
  return encodeHeaderBlock(["Malla-Seq", `1 ${seq}`, ...(last ? ["Malla-End", "1"] : [])]);
}

/** An honest transfer both ways, unharmed by what goes on beside it. */
async function deposit(): Promise<void> {
  const bytes = Buffer.alloc(3 * 1024 * 1024, 9);
  assert.ok(bytes.equals(await depositor.call<Uint8Array>("vault", "keep", bytes, { timeoutMs: 60_000 })));
}

test("frames under another's name are the broker's to refuse, those without a handshake are dropped and counted", async () => {
  const { client, denied } = await besieged.hostile("mallory", "service");
  await besieged.underAttack(async () => {
    const own = await handshake(client, 100 * 1024);
    assert.equal(own, `mesh.frames.vault.${vault.instance}.mallory.rawconn-0123456789000001`);
    const before = refusals(atVault, "frames");
    client.publish(own.replace(".mallory.", ".depositor."), FRAME, undefined, frame(0));
    for (let n = 0; n < 10; n++) client.publish(own.replace(/01$/, `1${n}`), FRAME, undefined, frame(0));
    await deposit();
    await eventually(() => {
      assert.equal(denied.length, 1);
      assert.equal(refusals(atVault, "frames"), before + 10);
    });
    const line = atVault.lines.find(({ facts }) => facts.stage === "frames");
    assert.equal(line?.facts.principal, "mallory");
    assert.doesNotMatch(JSON.stringify(line), /0123456789/, "a line must not show a stream");
  });
});

test("frames beyond the credit, of nonsense and after the end are dropped and counted, and end nobody's call", async () => {
  const { client } = await besieged.hostile("mallory", "service");
  // Another stream of the same caller, so that the instance listens after the end of this one.
  await handshake(client, 60 * 1024);
  const own = await handshake(client, 60 * 1024);
  const before = refusals(atVault, "frames");
  client.publish(own, FRAME, undefined, frame(4));
  client.publish(own, FRAME, undefined, frame(999_999_999));
  client.publish(own, EMPTY, undefined, encodeHeaderBlock(["Malla-Credit", "1 0 99999"]));
  client.publish(own, EMPTY, undefined, Buffer.from("nonsense"));
  client.publish(own, EMPTY);
  await eventually(() => assert.equal(refusals(atVault, "frames"), before + 5));
  const count = kept.length;
  for (let seq = 0; seq < 4; seq++)
    client.publish(own, FRAME.subarray(0, seq === 3 ? 12 * 1024 : undefined), undefined, frame(seq, seq === 3));
  await eventually(() => assert.deepEqual(kept.slice(count), [{ principal: "mallory", length: 60 * 1024 }]));
  const ended = refusals(atVault, "frames-ended");
  await eventually(async () => {
    client.publish(own, FRAME, undefined, frame(0));
    await client.flush();
    assert.ok(refusals(atVault, "frames-ended") > ended);
  });
  assert.equal(kept.length, count + 1);
  await deposit();
});

test("a flood into a stream that is open takes nothing but time from others", async () => {
  const { client } = await besieged.hostile("mallory", "service");
  const own = await handshake(client, 10 * 1024 * 1024);
  const before = refusals(atVault, "frames");
  await besieged.underAttack(async () => {
    for (let n = 0; n < FLOOD; n++) {
      client.publish(own, EMPTY, undefined, frame(1_000 + n));
      if (n % 1_000 === 999) await client.flush();
    }
    await deposit();
  });
  assert.ok(refusals(atVault, "frames") - before > FLOOD / 2);
  assert.ok(atVault.lines.filter(({ facts }) => facts.stage === "frames").length < 200, "the log is cut");
});

test("an instance whose credits and offers point at others makes its caller publish nothing there", async () => {
  const { client } = await besieged.hostile("thief", "service");
  const heard: BrokerMessage[] = [];
  client.subscribe("mesh.frames.thief.*.*.*", (message) => heard.push(message));
  const ranBefore = kept.length;
  const instance = await hostileInstance(client, "thief", ({ headers: bytes, reply }) => {
    const headers = parseHeaderBlock(bytes);
    assert.ok(typeof headers !== "string");
    const stream = headerValue(headers, "Malla-Stream") ?? "";
    const inbox = `_INBOX.depositor.thief.${stream.slice(0, -17)}.${stream.slice(-16)}`;
    for (const elsewhere of [
      `mesh.frames.vault.${vault.instance}.depositor.${stream}`,
      `mesh.frames.thief.i1.patron.${stream}`,
      "mesh.frames.thief.i1.depositor.rawconn-0000000000000000",
      "mesh.run.vault.i1.depositor.keep",
      "_INBOX.patron.thief.x.y",
      "",
    ]) {
      client.publish(inbox, EMPTY, elsewhere, encodeHeaderBlock(["Malla-Credit", "1 0 16"]));
      client.publish(inbox, EMPTY, elsewhere, encodeHeaderBlock(["Malla-Bytes", "100000", "Malla-Attempt", "1"]));
    }
    // In the name of another service the broker lets nothing through.
    client.publish(inbox.replace(".thief.", ".vault."), EMPTY, undefined, frame(0));
    client.publish(inbox, FRAME, undefined, frame(0));
    client.publish(inbox, EMPTY, undefined, Buffer.from("NATS/1.0 503\r\n\r\n"));
    client.publish(reply, Buffer.from('"done"'));
  });
  instance.announce({ capabilities: ["frames"] });
  await eventually(async () => {
    const bytes = new Uint8Array(100 * 1024);
    assert.equal(await depositor.call("thief", "work", bytes, { timeoutMs: 5_000 }), "done");
  });
  await eventually(() => assert.ok(refusals(atDepositor, "frames") >= 13));
  assert.deepEqual(heard, []);
  assert.equal(kept.length, ranBefore);
});

test("a handshake with nonsense in it is refused before anything begins", async () => {
  const { client } = await besieged.hostile("mallory", "service");
  const refused = async (payload: Uint8Array, ...fields: readonly string[]): Promise<string | undefined> => {
    const reply = `_INBOX.mallory.raw.${crypto.randomUUID()}`;
    const answer = new Promise<BrokerMessage>((resolve) => client.subscribe(reply, resolve));
    client.publish(callSubject("mallory", "vault", "keep"), payload, reply, encodeHeaderBlock(fields));
    const headers = parseHeaderBlock((await answer).headers);
    assert.ok(typeof headers !== "string");
    return headerValue(headers, "Malla-Reason");
  };
  assert.equal(await refused(EMPTY, "Malla-Bytes", "5"), "bad-request");
  assert.equal(await refused(EMPTY, "Malla-Stream", "a.b-*", "Malla-Bytes", "5"), "bad-request");
  assert.equal(await refused(EMPTY, "Malla-Stream", STREAM, "Malla-Bytes", "-5"), "bad-request");
  assert.equal(await refused(Buffer.from("{}"), "Malla-Stream", STREAM, "Malla-Bytes", "5"), "bad-request");
  assert.equal(await refused(EMPTY, "Malla-Stream", STREAM, "Malla-Bytes", "900000000000"), "too-large");
});

test("a caller who is denied opens no stream", async () => {
  await besieged.mesh.apply(`
apiVersion: malla.dev/v1
kind: AccessPolicy
metadata: { name: vault }
spec: { service: vault, action: allow, rules: [{ principals: [depositor] }] }
`);
  const { client } = await besieged.hostile("mallory", "service");
  let heard = 0;
  client.subscribe("_INBOX.mallory.vault.denied.*", () => heard++);
  const mallory = await besieged.mesh.caller("mallory");
  const error = await rejection(mallory.call("vault", "keep", new Uint8Array(100 * 1024)));
  assert.equal((error as { reason?: string }).reason, "denied");
  const fields = ["Malla-Stream", STREAM.replace("rawconn", "denied"), "Malla-Bytes", "50000"];
  client.publish(callSubject("mallory", "vault", "keep"), EMPTY, "_INBOX.mallory.raw.x", encodeHeaderBlock(fields));
  await client.flush();
  await deposit();
  assert.equal(heard, 0);
});
