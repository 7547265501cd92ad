// Clients that send, or do not read, as much as they can.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { NatsBroker } from "@malla/sdk/broker";
import { callSubject, encodeInstanceState } from "@malla/sdk/contract";
import { eventually, PlainCaller } from "../harness/index.ts";
import { RawClient, readIdentity } from "../harness/raw-client.ts";
import { BesiegedMesh } from "./besieged-mesh.ts";
import { announcement, hostileInstance } from "./hostile-instance.ts";

const EMPTY = new Uint8Array(0);
const CONNECTIONS = 200;
/** Messages between two looks whether the broker has taken them: a flood, and yet no flood of our own memory. */
const BURST = 1_000;
/** Resident memory a router may gain by a flood of announcements, in MiB. */
const MAX_GAIN_MIB = 160;

let besieged: BesiegedMesh;

before(async () => {
  besieged = await BesiegedMesh.start();
});

after(async () => {
  await besieged?.stop();
});

async function flood(client: NatsBroker, count: number, send: (n: number) => void): Promise<void> {
  for (let n = 0; n < count; n++) {
    send(n);
    if (n % BURST === BURST - 1) await client.flush();
  }
  await client.flush();
}

async function openRaw(guest: string): Promise<RawClient> {
  const { mesh } = besieged;
  return await RawClient.open(mesh.url, readIdentity(await readFile(await mesh.credentials(guest, "guest"), "utf8")));
}

async function residentMib(): Promise<number> {
  const [router] = besieged.mesh.routers;
  assert.ok(router);
  return (await besieged.mesh.metric(router, "process_resident_memory_bytes")) / 1024 / 1024;
}

test("a client that does not read is cut off, and nobody waits for it", async () => {
  const { mesh } = besieged;
  await mesh.service("bulk", { bytes: () => new Uint8Array(256 * 1024) });
  const deaf = await openRaw("deaf");
  deaf.subscribe("_INBOX.deaf.>");
  const subject = callSubject("deaf", "bulk", "bytes");
  await besieged.underAttack(async () => {
    deaf.stopReading();
    // 256 KiB each: far more than the sockets and the 8 MB of `max_pending` hold.
    for (let n = 0; n < 400; n++) deaf.publish(subject, Buffer.from("{}"), `_INBOX.deaf.x.${n}`);
    await eventually(
      async () => assert.ok(!(await mesh.broker.connections()).some((name) => name.startsWith("connection "))),
      {
        withinMs: 20_000,
        everyMs: 50,
      },
    );
  });
  deaf.destroy();
});

test("a flood into a caller's inbox without a call reaches no SDK", async () => {
  const { mesh } = besieged;
  const { client } = await besieged.hostile("mallory", "service");
  const victim = await mesh.caller("victim");
  const name = `victim/${victim.instance}`;
  const FLOOD = 20_000;
  const before = await mesh.broker.delivered(name);
  await besieged.underAttack(async () => {
    await flood(client, FLOOD, (n) => client.publish(`_INBOX.victim.mallory.conn.${n}`, EMPTY));
    assert.deepEqual(await victim.call("greeter", "greet", { n: -1 }), { n: -1 });
  });
  const delivered = (await mesh.broker.delivered(name)) - before;
  assert.ok(delivered < FLOOD / 100, `${delivered} messages were delivered`);
  await mesh.leave(victim);
});

test("frames for nobody's stream reach nobody, and a stream's subject takes its sender's name alone", async () => {
  const { mesh } = besieged;
  const { client, denied } = await besieged.hostile("mallory", "service");
  const greeter = (await mesh.broker.connections()).find((name) => name.startsWith("greeter/")) ?? "";
  const before = await mesh.broker.delivered(greeter);
  await besieged.underAttack(async () => {
    await flood(client, 20_000, (n) => client.publish(`mesh.frames.greeter.i1.mallory.conn-${n}`, EMPTY));
  });
  client.publish("mesh.frames.greeter.i1.patron.conn-1", EMPTY);
  await eventually(() => assert.equal(denied.length, 1));
  // Honest calls are among what is delivered; the flood is not.
  assert.ok((await mesh.broker.delivered(greeter)) - before < 10_000);
});

test("a guest with hundreds of connections takes nobody's place", async () => {
  const { mesh } = besieged;
  const open: RawClient[] = [];
  await besieged.underAttack(async () => {
    for (let n = 0; n < CONNECTIONS; n++) open.push(await openRaw("guest"));
    // Subscriptions of one connection are bounded too, and others still get in.
    for (let n = 0; n < 2_000; n++) open[0]?.write(`SUB _INBOX.guest.${n} ${n + 1}\r\n`);
    const late = await mesh.caller("latecomer");
    assert.deepEqual(await late.call("greeter", "greet", { n: -2 }), { n: -2 });
    await mesh.leave(late);
    // A router's connections too: to all three of its accounts.
    for (const account of ["MESH", "CTRL", "DURABLE"]) await (await mesh.raw("router-late", "router", account)).flush();
  });
  for (const client of open) client.destroy();
});

test("100,000 instances of one service are remembered up to the bound, and their service alone is the poorer", async () => {
  const { client } = await besieged.hostile("crowd", "service");
  const state = encodeInstanceState(announcement({ tags: { zone: "a" } }));
  // As long as an announcement may be: few of them fill the bound on bytes.
  const methods = Array.from({ length: 1_000 }, (_, n) => `a_method_of_some_length_${n}`);
  const long = encodeInstanceState(announcement({ methods }));
  const [router] = besieged.mesh.routers;
  assert.ok(router);
  const before = await residentMib();
  await besieged.underAttack(async () => {
    await flood(client, 100_000, (n) => client.publish(`mesh.instance.crowd.i${n}`, state));
    for (let n = 0; n < 1_000; n++) {
      client.publish(`mesh.instance.crowd.long${n}`, long);
      if (n % 20 === 19) await sleep(5);
    }
  });
  const refused = await besieged.mesh.metric(router, "mesh_rejected_total", { stage: "announcement" });
  assert.ok(refused > 50_000, `${refused} announcements were refused`);
  assert.ok(besieged.lines.some(({ stage, principal }) => stage === "announcement" && principal === "crowd"));
  const gained = (await residentMib()) - before;
  assert.ok(gained < MAX_GAIN_MIB, `the router has ${gained.toFixed(0)} MiB more`);
  // Somebody else's first instance is taken at once.
  await besieged.mesh.service("newcomer", { hello: () => "hello" });
  const patron = await besieged.mesh.caller("buyer");
  assert.equal(await patron.call("newcomer", "hello", {}), "hello");
  await besieged.mesh.leave(patron);
});

test("broken announcements and announcements that never rest cost others nothing but time", async () => {
  const { client } = await besieged.hostile("restless", "service");
  const instance = await hostileInstance(client, "restless", ({ reply }) => client.publish(reply, Buffer.from("{}")));
  const states = ["serving", "draining"] as const;
  await besieged.underAttack(async () => {
    for (let round = 0; round < 20; round++) {
      for (let n = 0; n < BURST; n++) {
        instance.announce({ phase: states[n % 2] ?? "serving", version: `1.0.${n}` });
        client.publish("mesh.instance.restless.i2", Buffer.from("\u00ff\u00ff nonsense"));
      }
      await client.flush();
      await sleep(10);
    }
  });
});

test("invented services in answers to a broadcast hide no plain service", async () => {
  const { client: liar } = await besieged.hostile("liar", "micro");
  liar.subscribe("$SRV.PING", ({ reply }) => {
    for (let n = 0; n < 3_000; n++) liar.publish(reply, Buffer.from(`{"name":"invented-${n}"}`));
    liar.publish(reply, Buffer.from('{"name":"*"}'));
    liar.publish(reply, Buffer.from("nonsense"));
  });
  const { client: honest } = await besieged.hostile("legacy", "micro");
  const info = { name: "legacy", version: "1.0.0", endpoints: [{ name: "work", subject: "mesh.serve.legacy.work" }] };
  for (const [verb, body] of [
    ["$SRV.PING", { name: "legacy" }],
    ["$SRV.INFO.legacy", info],
  ] as const)
    honest.subscribe(verb, ({ reply }) => honest.publish(reply, Buffer.from(JSON.stringify(body))));
  honest.subscribe("mesh.serve.legacy.work", ({ reply }) => honest.publish(reply, Buffer.from('"done"')));
  await Promise.all([liar.flush(), honest.flush()]);
  const guest = new PlainCaller(await besieged.mesh.raw("guest", "guest"), "guest");
  await besieged.underAttack(async () => {
    await eventually(
      async () => {
        const { payload } = await guest.request("legacy", "work", {});
        assert.equal(Buffer.from(payload).toString(), '"done"');
      },
      { withinMs: 40_000, everyMs: 200 },
    );
  });
});
