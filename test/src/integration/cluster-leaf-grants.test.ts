// What a hostile leaf node cannot do: one that speaks the protocol itself and obeys nothing it is told.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  accountKeys,
  ensureKeys,
  fillTemplate,
  findGrant,
  type Grant,
  issueCredentials,
  type Keys,
} from "@malla/broker-config";
import { connect, credsAuthenticator, type NatsConnection } from "nats";
import { freePort } from "../harness/free-port.ts";
import { eventually, RawClient, readIdentity } from "../harness/index.ts";
import { RawLeaf } from "../harness/raw-leaf.ts";
import { type Region, startRegion } from "../harness/region.ts";

const SERVICES = ["sensor", "lamp"];
const LEAF = findGrant("leaf", "MESH") as Grant;
const HOLDER = { name: "edge-1", edgeServices: SERVICES };
const BODY = "hello";

let home: string;
let keys: Keys;
let hub: Region;
let leafUrl: string;
let leafCredentials: string;
const open: NatsConnection[] = [];
const heard: string[] = [];

before(async () => {
  home = await mkdtemp(join(tmpdir(), "malla-hostile-"));
  keys = await ensureKeys(home);
  const port = await freePort();
  leafUrl = `nats://127.0.0.1:${port}`;
  hub = await startRegion({ home, keys, name: "hub", count: 1, server: { leafNodes: { port } } });
  leafCredentials = await issueCredentials(keys, { name: "edge-1", role: "leaf", edgeServices: SERVICES });
  // Between them they hear whatever is published in MESH that anybody is meant to hear.
  await listen("router-a", "router", [
    "mesh.call.*.*.*",
    "mesh.via.router-a.*.*.*",
    "mesh.cancel.router-a.*.*",
    "mesh.reply.router-a.*.*",
    "mesh.instance.*.*",
    "mesh.router.*",
    "mesh.peer.*.*",
    "_INBOX.srv.>",
  ]);
  await listen("payments", "service", [
    "_INBOX.payments.>",
    "mesh.run.payments.*.*.*",
    "mesh.serve.payments.*",
    "mesh.direct.payments.*.*.*",
    "mesh.frames.payments.*.*.*",
    "mesh.policy.live",
    "$SRV.*.payments",
  ]);
});

after(async () => {
  await Promise.all(open.map(async (connection) => connection.close()));
  await hub?.stop();
  await rm(home, { recursive: true, force: true });
});

async function connectAs(name: string, role: "router" | "service"): Promise<NatsConnection> {
  const credentials = await issueCredentials(keys, { name, role });
  const authenticator = credsAuthenticator(new TextEncoder().encode(credentials));
  const connection = await connect({ servers: hub.urls[0] as string, authenticator, reconnect: false });
  open.push(connection);
  return connection;
}

async function listen(name: string, role: "router" | "service", subjects: readonly string[]): Promise<void> {
  const connection = await connectAs(name, role);
  for (const subject of subjects)
    connection.subscribe(subject, { callback: (_error, message) => void heard.push(message.subject) });
  await connection.flush();
}

async function leafNode(claimsHub: boolean): Promise<RawLeaf> {
  const account = accountKeys(keys, "MESH").identity.publicKey;
  return await RawLeaf.open(leafUrl, { identity: readIdentity(leafCredentials), account, claimsHub });
}

/** What the mesh heard of one message; a connection that is ended for it has said enough. */
async function heardOf(subject: string, claimsHub: boolean): Promise<readonly string[]> {
  heard.length = 0;
  const leaf = await leafNode(claimsHub);
  leaf.publish(subject, BODY);
  await leaf.settled().catch(() => undefined);
  await Promise.all(open.map(async (connection) => connection.flush()));
  leaf.destroy();
  return [...heard];
}

const ALLOWED = [
  "mesh.call.sensor.payments.Charge",
  "mesh.via.router-a.lamp.payments.Charge",
  "mesh.cancel.router-a.sensor.c1",
  "mesh.reply.router-a.sensor.r1",
  "mesh.instance.lamp.i1",
  "mesh.frames.payments.i1.sensor.s1",
  "_INBOX.payments.sensor.c1.1",
  "_INBOX.srv.c1",
];
const FORBIDDEN = [
  "mesh.call.guest.payments.Charge",
  "mesh.call.edge-1.payments.Charge",
  "mesh.call.sensor.payments.Charge.more",
  "mesh.via.router-a.orders.payments.Charge",
  "mesh.cancel.router-a.orders.c1",
  "mesh.reply.router-a.payments.r1",
  "mesh.instance.payments.i9",
  "mesh.run.payments.i1.sensor.Charge",
  "mesh.serve.payments.Charge",
  "mesh.direct.payments.i1.sensor.Charge",
  "mesh.frames.payments.i1.orders.s1",
  "_INBOX.payments.orders.c1.1",
  "_INBOX.payments.c1.1",
  "mesh.router.router-a",
  "mesh.peer.router-b.limits",
  "mesh.policy.live",
  "$SRV.PING.payments",
];

for (const claimsHub of [false, true]) {
  describe(claimsHub ? "a leaf node that claims to be the hub" : "a leaf node", () => {
    for (const subject of ALLOWED) {
      test(`publishes ${subject}`, async () => assert.deepEqual(await heardOf(subject, claimsHub), [subject]));
    }
    for (const subject of FORBIDDEN) {
      test(`does not publish ${subject}, nor in the guise of a reply between regions`, async () => {
        assert.deepEqual(await heardOf(subject, claimsHub), []);
        assert.deepEqual(await heardOf(`_GR_.xnsc4h.4wpBsB.${subject}`, claimsHub), []);
      });
    }

    test("hears what is for its services and nothing else, whatever it subscribes", async () => {
      const router = await connectAs("router-b", "router");
      const mine = ["mesh.run.sensor.i1.cart.read", "mesh.serve.lamp.on", "_INBOX.lamp.c1.1", "mesh.router.router-b"];
      const others = ["mesh.run.payments.i1.cart.Charge", "mesh.serve.payments.Charge", "_INBOX.payments.c1.1"];
      const peers = ["mesh.peer.router-b.limits"];
      const wanted = [">", "*.>", "mesh.>", "mesh.run.*.*.*.*", "_INBOX.>", "_GR_.>", ...LEAF.subscribe];
      const subjects = wanted.flatMap((subject) => fillTemplate(subject, HOLDER));
      const leaf = await leafNode(claimsHub);
      for (const subject of new Set(subjects)) leaf.subscribe(subject);
      await leaf.settled();
      leaf.client.heard = "";
      for (const subject of [...mine, ...others, ...peers]) router.publish(subject, BODY);
      await router.flush();
      await eventually(() => assert.match(leaf.client.heard, /mesh\.router\.router-b/));
      const got = new Set([...leaf.client.heard.matchAll(/^LMSG (\S+)/gm)].map((match) => match[1] as string));
      assert.deepEqual([...got].sort(), mine.toSorted());
      leaf.destroy();
    });

    for (const subject of ["mesh.run.payments.i1.cart.Charge", "mesh.policy.secret"]) {
      test(`does not hear ${subject} by its full name`, async () => {
        const router = await connectAs("router-c", "router");
        const leaf = await leafNode(claimsHub);
        leaf.subscribe(subject);
        await leaf.settled().catch(() => undefined);
        router.publish(subject, BODY);
        await router.flush();
        await leaf.settled().catch(() => undefined);
        assert.doesNotMatch(leaf.client.heard, new RegExp(`LMSG.*${subject}`));
        leaf.destroy();
      });
    }
  });
}

test("credentials of a leaf node open no client connection, and those of others no leaf node", async () => {
  await assert.rejects(RawClient.open(hub.urls[0] as string, readIdentity(leafCredentials)), /Authorization Violation/);
  const account = accountKeys(keys, "MESH").identity.publicKey;
  for (const role of ["service", "observer", "operator"] as const) {
    const identity = readIdentity(await issueCredentials(keys, { name: role === "service" ? "cart" : role, role }));
    await assert.rejects(RawLeaf.open(leafUrl, { identity, account }), /Authorization Violation/, role);
  }
});

test("every entry of the row is of one of its services, or the same for everybody", () => {
  const common = ["_INBOX.srv.>", "mesh.router.*", "mesh.policy.live", "$SRV.PING", "$SRV.INFO", "$SRV.STATS"];
  for (const entry of [...LEAF.publish, ...LEAF.subscribe])
    assert.ok(entry.includes("{{tag(edge)}}") || common.includes(entry), entry);
});
