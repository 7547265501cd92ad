// What the broker alone refuses, with the shipped configuration: credentials, accounts, subjects.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import {
  accountKeys,
  type CredentialRequest,
  issueCredentials,
  type NKey,
  readRouterSigner,
  roleKey,
  routerSignerFile,
  signRouterUser,
} from "@malla/broker-config";
import type { CallContext } from "@malla/sdk";
import { connectNats } from "@malla/sdk/broker";
import { type CredentialRole, encodeInstanceState } from "@malla/sdk/contract";
import { RecordedTelemetry } from "@malla/sdk/testing";
import { decode, encodeUser, fmtCreds } from "@nats-io/jwt";
import { createUser, fromSeed, type KeyPair } from "@nats-io/nkeys";
import { eventually, PlainCaller } from "../harness/index.ts";
import { BesiegedMesh } from "./besieged-mesh.ts";
import { announcement, hostileInstance } from "./hostile-instance.ts";

const EMPTY = new Uint8Array(0);
let besieged: BesiegedMesh;
const charged: string[] = [];
const atPayments = new RecordedTelemetry();

before(async () => {
  besieged = await BesiegedMesh.start();
  await besieged.mesh.service(
    "payments",
    { charge: (_request: unknown, { principal }: CallContext) => void charged.push(principal) },
    { telemetry: atPayments },
  );
});

after(async () => {
  await besieged?.stop();
});

/** Publishes and subscribes, and returns what the broker refused of it, in order. */
async function refused(
  name: string,
  role: CredentialRole,
  publish: readonly string[],
  subscribe: readonly string[] = [],
  account?: string,
): Promise<readonly string[]> {
  const { client, denied } = await besieged.hostile(name, role, account);
  for (const subject of publish) client.publish(subject, EMPTY);
  for (const subject of subscribe) client.subscribe(subject, () => undefined);
  await client.flush();
  // A refusal is sent before the answer to the flush, and told a moment after.
  await eventually(() => assert.ok(denied.length >= publish.length + subscribe.length || denied.length > 0));
  await client.flush();
  return denied.map(({ subject }) => subject);
}

test("no role has JetStream where calls travel, not even those that have it elsewhere", async () => {
  const api = [
    "$JS.API.INFO",
    "$JS.API.STREAM.CREATE.x",
    "$JS.API.STREAM.MSG.GET.KV_mesh-policy",
    "$KV.mesh-policy.head",
  ];
  for (const [name, role] of [
    ["mallory", "service"],
    ["guest", "guest"],
    ["operator", "operator"],
    ["router-evil", "router"],
    ["scaler", "scaler"],
  ] as const)
    assert.deepEqual(await refused(name, role, api), api, role);
});

test("an acknowledgement of JetStream aimed at an instance stays in the account that has JetStream", async () => {
  const application = await besieged.mesh.raw("mallory", "application", "SHOP");
  const inbox = "_INBOX.mallory.js";
  const answers: string[] = [];
  application.subscribe(`${inbox}.>`, ({ payload }) => answers.push(Buffer.from(payload).toString()));
  const stream = {
    name: "X",
    subjects: ["x.>", "$KV.x.>"],
    retention: "limits",
    storage: "memory",
    max_bytes: 1_000_000,
  };
  application.publish("$JS.API.STREAM.CREATE.X", Buffer.from(JSON.stringify(stream)), `${inbox}.1`);
  await eventually(() => assert.equal(answers.length, 1));
  assert.doesNotMatch(answers[0] ?? "", /"error"/);
  const aims = ["mesh.run.payments.i1.patron.charge", "mesh.instance.payments.fake", "mesh.policy.live"];
  await besieged.underAttack(async () => {
    for (const aim of aims) application.publish("$KV.x.y", Buffer.from("{}"), aim);
    application.publish("$KV.x.y", Buffer.from("{}"), `${inbox}.2`);
    await eventually(() => assert.equal(answers.length, 2));
  });
  assert.deepEqual(charged, []);
});

test("whoever may read the policy can spoil its head; nobody follows it, and the next apply writes over it", async () => {
  const { mesh } = besieged;
  const { revision } = await mesh.apply(`
apiVersion: malla.dev/v1
kind: AccessPolicy
metadata: { name: payments-callers }
spec: { service: payments, action: allow, rules: [{ principals: [patron] }] }
`);
  // A router's key can be any router: this one asks for the head, and to be answered where the head stands.
  const control = await mesh.raw("router-evil", "router", "CTRL");
  const question = Buffer.from(JSON.stringify({ last_by_subj: "$KV.mesh-policy.head" }));
  const desk = await mesh.desk();
  await besieged.underAttack(async () => {
    control.publish("$JS.API.STREAM.MSG.GET.KV_mesh-policy", question, "$KV.mesh-policy.head");
    await eventually(async () => assert.ok((await desk.store.readHead()).spoiled !== undefined));
    await eventually(() =>
      assert.ok(
        besieged.lines.some(({ level, message }) => level === "error" && /policy could not be read/.test(message)),
      ),
    );
  });
  const guest = new PlainCaller(await mesh.raw("guest", "guest"), "guest");
  const { headers } = await guest.request("payments", "charge", {});
  assert.ok(headers.fields.includes("denied"), "what was in force stays");
  // A router that starts now enforces the last good policy, before it takes a call.
  const late = await mesh.addRouter({ routerProcesses: true });
  assert.equal(await mesh.metric(late, "mesh_config_revision"), revision);
  const next = await mesh.remove("AccessPolicy/payments-callers");
  assert.equal(next.revision, revision + 1);
  await late.drain();
});

test("a question of `nats micro` whose answer would be a call is answered by no SDK, and a plain service may not call", async () => {
  const { client: observer } = await besieged.hostile("observer", "observer");
  const { client: micro, denied } = await besieged.hostile("catalog", "micro");
  // A stock micro service answers to whatever reply there is.
  let asked = 0;
  for (const verb of ["$SRV.PING", "$SRV.PING.catalog", "$SRV.INFO.catalog"])
    micro.subscribe(verb, ({ reply }) => {
      asked++;
      micro.publish(reply, Buffer.from("{}"));
    });
  await micro.flush();
  await besieged.underAttack(async () => {
    for (const subject of ["$SRV.PING.catalog", "$SRV.INFO.catalog"])
      observer.publish(subject, EMPTY, "mesh.call.catalog.payments.charge");
    for (const subject of ["$SRV.PING.payments", "$SRV.INFO.payments", "$SRV.STATS.payments"])
      for (const reply of ["mesh.call.payments.greeter.greet", "mesh.instance.payments.x", "_INBOX.srvx.y"])
        observer.publish(subject, EMPTY, reply);
    await observer.flush();
    await eventually(() => assert.equal(denied.length, 2));
  });
  assert.equal(asked >= 2, true);
  await eventually(() =>
    assert.deepEqual(
      atPayments.rejections,
      new Array(9).fill({ stage: "micro-reply", reason: "bad-request" }),
      "each is counted by the instance that was asked",
    ),
  );
  assert.equal(atPayments.lines.filter(({ facts }) => facts["stage"] === "micro-reply").length, 9);
  assert.deepEqual(charged, []);
  assert.deepEqual(
    denied.map(({ operation, subject }) => [operation, subject]),
    [
      ["publish", "mesh.call.catalog.payments.charge"],
      ["publish", "mesh.call.catalog.payments.charge"],
    ],
  );
});

test("nobody listens where others' reply subjects can be read", async () => {
  const wide = [
    "$SRV.>",
    "$SRV.*",
    "$SRV.PING.greeter",
    "$SRV.INFO.*",
    "_INBOX.>",
    "mesh.>",
    "mesh.run.greeter.>",
    "mesh.call.>",
    "mesh.via.>",
  ];
  for (const [name, role] of [
    ["mallory", "service"],
    ["legacy", "micro"],
    ["guest", "guest"],
    ["observer", "observer"],
    ["mygateway", "gateway"],
  ] as const)
    assert.deepEqual(await refused(name, role, [], wide), wide, role);
});

test("no credentials can be had in a name that is a wildcard, a path, a role, a router or the mesh itself", async () => {
  const names = [
    "*",
    ">",
    "a.b",
    "",
    "A",
    "-a",
    "a-",
    "a b",
    "mesh",
    "srv",
    "router",
    "guest",
    "router-a",
    "ä",
    "x".repeat(64),
  ];
  for (const name of names) {
    const request: CredentialRequest = { name, role: "service" };
    await assert.rejects(issueCredentials(besieged.mesh.keys, request), /name/, JSON.stringify(name));
    await assert.rejects(
      issueCredentials(besieged.mesh.keys, { name: "mallory", role: "direct", directTo: [name] }),
      /./,
      `direct to ${JSON.stringify(name)}`,
    );
  }
  const signer = await readRouterSigner(routerSignerFile(besieged.mesh.home));
  await assert.rejects(signRouterUser(signer, "payments"), /name/);
});

describe("credentials that were not issued as they should be", () => {
  /** Signed with keys one would have to steal, to see what each is good for. */
  async function signed(how: "identity" | "own grants" | "role"): Promise<string> {
    const account = accountKeys(besieged.mesh.keys, "MESH");
    const role = keyPair(roleKey(account, "guest").key);
    const user = createUser();
    const jwt = await encodeUser(
      "mallory",
      user,
      how === "identity" ? keyPair(account.identity) : role,
      {
        issuer_account: account.identity.publicKey,
        ...(how === "role" ? {} : { pub: { allow: [">"], deny: [] }, sub: { allow: [">"], deny: [] } }),
      } as object,
      { scopedUser: how === "role" },
    );
    return new TextDecoder().decode(fmtCreds(jwt, user));
  }
  const connecting = async (credentials: string): Promise<void> =>
    await (await connectNats({ servers: besieged.mesh.url, credentials, name: "stolen" })).close();

  test("open no connection: an account's identity signs nobody, and no user brings grants of its own", async () => {
    await connecting(await signed("role"));
    for (const how of ["identity", "own grants"] as const)
      await assert.rejects(connecting(await signed(how)), /refused these credentials/, how);
  });

  test("a role's key is for ordinary connections, or for leaf nodes and nothing else, has no permission to respond, and no list of it is empty", async () => {
    const accounts = await readFile(`${besieged.mesh.home}/server/accounts.conf`, "utf8");
    const jwts = [...accounts.matchAll(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g)].map(([jwt]) => jwt);
    let signers = 0;
    for (const jwt of jwts) {
      const { nats } = decode<{ signing_keys?: readonly (string | SigningKey)[] }>(jwt);
      for (const key of nats.signing_keys ?? []) {
        if (typeof key === "string") continue;
        signers++;
        const { allowed_connection_types: types, pub, sub, resp } = key.template;
        assert.deepEqual([types, resp], [[key.role === "leaf" ? "LEAFNODE" : "STANDARD"], undefined]);
        assert.ok(pub.allow.length > 0 && sub.allow.length > 0);
        assert.ok(![...pub.allow, ...sub.allow].some((subject) => subject.includes(" ")), "a queue would be dropped");
      }
    }
    assert.ok(signers > 10, `${signers} signing keys were looked at`);
  });
});

function keyPair({ seed }: NKey): KeyPair {
  return fromSeed(new TextEncoder().encode(seed.reveal()));
}

interface SigningKey {
  readonly role: string;
  readonly template: {
    readonly allowed_connection_types?: readonly string[];
    readonly resp?: unknown;
    readonly pub: { readonly allow: readonly string[] };
    readonly sub: { readonly allow: readonly string[] };
  };
}

test("nobody announces, answers or listens in another's name", async () => {
  const publish = [
    "mesh.instance.payments.fake",
    "mesh.reply.router-a.payments.x",
    "mesh.call.payments.greeter.greet",
    "mesh.via.router-a.payments.greeter.greet",
    "mesh.cancel.router-a.payments.x",
    "mesh.run.payments.i1.mallory.charge",
    "mesh.serve.payments.charge",
    "mesh.router.router-evil",
    "mesh.policy.live",
    "mesh.peer.router-evil.x",
    "_INBOX.patron.conn.1",
    "_INBOX.patron.payments.conn.1",
  ];
  const listen = ["mesh.run.payments.i1.*.*", "mesh.serve.payments.*", "mesh.direct.payments.*.*.*", "_INBOX.patron.>"];
  assert.deepEqual(await refused("mallory", "service", publish, listen), [...publish, ...listen]);
});

test("a direct call needs a tag for its target, each of them", async () => {
  const { mesh } = besieged;
  assert.deepEqual(await refused("mallory", "service", ["mesh.direct.payments.i1.mallory.charge"]), [
    "mesh.direct.payments.i1.mallory.charge",
  ]);
  const credentials = await issueCredentials(mesh.keys, { name: "cart", role: "direct", directTo: ["greeter"] });
  const client = await connectNats({ servers: mesh.url, credentials, name: "direct", inboxPrefix: "_INBOX.cart" });
  const denied: string[] = [];
  client.onStatus((status) => void (status.type === "denied" && denied.push(status.subject)));
  const [known] = await knownInstances();
  const others = [
    `mesh.direct.payments.${known}.cart.charge`,
    `mesh.direct.payments.${known}.cart._probe`,
    "mesh.direct.greeter.i1.patron.greet",
  ];
  for (const subject of others) client.publish(subject, Buffer.from("{}"), "_INBOX.cart.payments.conn.1");
  await eventually(() => assert.deepEqual(denied, others));
  await client.close();
  assert.deepEqual(charged, []);
});

async function knownInstances(): Promise<readonly string[]> {
  const guest = new PlainCaller(await besieged.mesh.raw("guest", "guest"), "guest");
  const { payload } = await guest.request("mesh", "instances", {});
  const { services } = JSON.parse(Buffer.from(payload).toString()) as {
    services: Record<string, readonly { id: string }[]>;
  };
  return (services["payments"] ?? []).map(({ id }) => id);
}

test("whoever runs functions reads their bundles, writes none, and is not where calls travel", async () => {
  await assert.rejects(
    issueCredentials(besieged.mesh.keys, { name: "runner", role: "runner", account: "MESH" }),
    /MESH/,
  );
  const subjects = [
    "$O.functions.C.x",
    "$O.functions.M.x",
    "$JS.API.STREAM.PURGE.OBJ_functions",
    "mesh.call.runner.payments.charge",
  ];
  assert.deepEqual(await refused("runner", "runner", subjects, [], "FUNC"), subjects);
});

test("instances of one service trust each other, and only those of one service", async () => {
  // The documented limit: a second holder of the same credentials may take the first one's calls.
  const { client: twin, denied } = await besieged.hostile("payments", "service");
  const [known] = await knownInstances();
  let overheard = 0;
  twin.subscribe(`mesh.run.payments.${known}.*.*`, () => void overheard++);
  await twin.flush();
  const buyer = await besieged.mesh.caller("buyer");
  await buyer.call("payments", "charge", {});
  await eventually(() => assert.equal(overheard, 1));
  assert.deepEqual(denied, []);
  await besieged.mesh.leave(buyer);
  charged.length = 0;
  // Of another service, neither the calls nor the name.
  const { client } = await besieged.hostile("mallory", "service");
  const stolen = await hostileInstance(client, "mallory", () => undefined);
  client.publish(`mesh.instance.payments.${known}`, encodeInstanceState(announcement({ phase: "gone" })));
  await client.flush();
  await besieged.underAttack(async () => {
    const other = await besieged.mesh.caller("buyer");
    await other.call("payments", "charge", {});
    await besieged.mesh.leave(other);
  });
  assert.deepEqual([stolen.requests.length, charged], [0, ["buyer"]]);
});

test("what the broker refuses an SDK is one line that names operation and subject", async () => {
  const telemetry = new RecordedTelemetry();
  const caller = await besieged.mesh.caller("reader", { role: "micro", telemetry });
  const call = caller.call("greeter", "greet", { n: 1 }, { timeoutMs: 300 }).catch(() => undefined);
  await eventually(() =>
    assert.deepEqual(
      telemetry.lines
        .filter(({ facts }) => facts["operation"] === "publish")
        .map(({ facts }) => [facts["stage"], facts["reason"], facts["principal"], facts["subject"]]),
      [["broker", "denied", "reader", "mesh.call.reader.greeter.greet"]],
    ),
  );
  await call;
});
