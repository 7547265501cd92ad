// Proves the table of grants on a real server: for every row, everything any row speaks of, in one's own name and in
// another's, with a token too few and one too many, is allowed exactly where the data says.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  bootstrapStreams,
  covers,
  ensureKeys,
  fillTemplate,
  findNatsServer,
  GRANTS,
  type Grant,
  type Holder,
  isGranted,
  issueCredentials,
  type Keys,
  overlaps,
  type RunningServer,
  retireRoleKey,
  rotateRoleKey,
  startNatsServer,
  writeServerConfig,
} from "@malla/broker-config";
import { connect, credsAuthenticator, headers, type NatsConnection, PermissionViolationError } from "nats";

type Operation = "publish" | "subscribe";
const OPERATIONS: readonly Operation[] = ["publish", "subscribe"];
/** What clients may be; cluster-leaf-grants.test.ts proves the row of leaf nodes. */
const CLIENTS = GRANTS.filter(({ connection }) => connection !== "leaf");
const APPLICATION_ACCOUNT = "SHOP";
const TARGET = "delta";
const OTHER_TARGET = "echo";
const BATCH = 500;
/** What a careless grant would let through. */
const BROAD = [
  ">",
  "*",
  "*.>",
  "mesh.>",
  "mesh.*.>",
  "_INBOX.>",
  "$SRV.>",
  "$JS.>",
  "$KV.>",
  "$SYS.>",
  "$O.>",
  "$JS.API.DIRECT.GET.KV_mesh-policy",
];

let home: string;
let keys: Keys;
let server: RunningServer;

before(async () => {
  home = await mkdtemp(join(tmpdir(), "malla-grants-"));
  keys = await ensureKeys(home);
  const binary = await findNatsServer({ progress: (line) => console.error(line) });
  const configPath = await writeServerConfig(home, { port: -1, keys, serverVersion: binary.version });
  server = await startNatsServer({ binary: binary.path, configPath });
});

after(async () => {
  await server?.stop();
  if (home !== undefined) await rm(home, { recursive: true, force: true });
});

function nameFor(grant: Grant, suffix: "alpha" | "bravo"): string {
  return grant.role === "router" ? `router-${suffix}` : suffix;
}

function holderOf(grant: Grant): Holder {
  return { name: nameFor(grant, "alpha"), directTo: grant.role === "direct" ? [TARGET] : [] };
}

function accountOf(grant: Grant): string {
  return grant.account === "APPLICATION" ? APPLICATION_ACCOUNT : grant.account;
}

async function credentialsOf(from: Keys, grant: Grant): Promise<string> {
  const { name, directTo } = holderOf(grant);
  return await issueCredentials(from, {
    name,
    role: grant.role,
    account: accountOf(grant),
    ...(directTo && { directTo }),
  });
}

async function connectWith(credentials: string): Promise<NatsConnection> {
  const authenticator = credsAuthenticator(new TextEncoder().encode(credentials));
  return await connect({ servers: server.url, authenticator, reconnect: false, timeout: 2_000 });
}

/** Subjects of one template: own name and another's, right and wrong arity; for subscribing with wildcards too. */
function subjectsOf(template: string, grant: Grant, operation: Operation): string[] {
  const names = [nameFor(grant, "alpha"), nameFor(grant, "bravo")];
  const filled = names.flatMap((name) => fillTemplate(template, { name, directTo: [TARGET, OTHER_TARGET] }));
  return filled.flatMap((pattern) => {
    const stem = pattern.replace(/\.>$/, "");
    const plain = stem.replaceAll("*", "w");
    const literal = [plain, `${plain}.w`, `${plain}.w.w`, plain.split(".").slice(0, -1).join(".")];
    const wild = [
      pattern,
      `${stem}.*`,
      `${stem}.>`,
      pattern.replace(/[^.]+$/, ">"),
      names.reduce((text, name) => text.replaceAll(name, "*"), pattern),
    ];
    return operation === "publish" ? literal : [...literal, ...wild];
  });
}

function allSubjects(grant: Grant, operation: Operation): string[] {
  const templates = GRANTS.flatMap((row) => [...row.publish, ...row.subscribe]);
  const subjects = templates.flatMap((template) => subjectsOf(template, grant, operation));
  return [...new Set([...subjects, ...(operation === "subscribe" ? BROAD : [])])].filter((subject) => subject !== "");
}

/** Does it all on one connection, and returns the subjects the server refused. */
async function refusedBy(
  connection: NatsConnection,
  operation: Operation,
  subjects: readonly string[],
): Promise<Set<string>> {
  const refused = new Set<string>();
  const statuses = connection.status();
  const reading = (async () => {
    for await (const status of statuses) {
      if (status.type !== "error" || !(status.error instanceof PermissionViolationError)) continue;
      assert.equal(status.error.operation, operation === "publish" ? "publish" : "subscription");
      refused.add(status.error.subject);
    }
  })();
  for (let from = 0; from < subjects.length; from += BATCH) {
    const batch = subjects.slice(from, from + BATCH);
    const open = batch.map((subject) => {
      if (operation === "subscribe") return connection.subscribe(subject, { callback: () => undefined });
      connection.publish(subject);
      return undefined;
    });
    // A refusal is sent before the answer to the flush.
    await connection.flush();
    for (const subscription of open) subscription?.unsubscribe();
  }
  await connection.close();
  await reading;
  return refused;
}

describe("grants on a real server", () => {
  for (const grant of CLIENTS) {
    test(`${grant.role} in ${grant.account} may do what its row says and nothing else`, async () => {
      const credentials = await credentialsOf(keys, grant);
      for (const operation of OPERATIONS) {
        const subjects = allSubjects(grant, operation);
        const refused = await refusedBy(await connectWith(credentials), operation, subjects);
        const wrong = subjects.filter(
          (subject) => isGranted(grant, holderOf(grant), operation, subject) === refused.has(subject),
        );
        assert.deepEqual(wrong, [], `${operation}: the server and the data disagree`);
        const allowed = subjects.filter((subject) => !refused.has(subject));
        assert.ok(allowed.length >= grant[operation].length, `${operation}: every entry of the row is used`);
        assert.ok(refused.size > 0, `${operation}: something is refused`);
      }
    });
  }

  test("without a tag there is no direct target", async () => {
    const credentials = await issueCredentials(keys, { name: "alpha", role: "direct" });
    const refused = await refusedBy(await connectWith(credentials), "publish", [
      `mesh.direct.${TARGET}.w.alpha.w`,
      "mesh.call.alpha.w.w",
    ]);
    assert.deepEqual([...refused], [`mesh.direct.${TARGET}.w.alpha.w`]);
  });

  test("nobody but the owner of a name listens where a 503 is awaited", () => {
    const others = ["mesh.run.bravo.*.*.*", "mesh.via.bravo.*.*.*", "mesh.direct.bravo.*.*.*"];
    for (const grant of GRANTS) {
      const patterns = grant.subscribe.flatMap((template) => fillTemplate(template, holderOf(grant)));
      const meeting = patterns.filter((pattern) => others.some((other) => overlaps(pattern, other)));
      assert.deepEqual(meeting, [], `${grant.role} in ${grant.account}`);
    }
  });

  test("what the server widens, a last * to >, leads to nothing deeper", () => {
    for (const grant of GRANTS) {
      const published = GRANTS.filter((row) => row.account === grant.account).flatMap((row) =>
        row.publish.flatMap((template) => fillTemplate(template, { name: "bravo", directTo: [OTHER_TARGET] })),
      );
      const narrow = grant.subscribe.flatMap((template) => fillTemplate(template, holderOf(grant)));
      for (const pattern of narrow.filter((candidate) => candidate.endsWith(".*"))) {
        const wide = pattern.replace(/\*$/, ">");
        const deeper = published.filter(
          (subject) => overlaps(wide, subject) && !narrow.some((own) => overlaps(own, subject)),
        );
        assert.deepEqual(deeper, [], `${grant.role} in ${grant.account}: ${wide}`);
      }
    }
  });

  test("a reply subject of one's own does not become a permission to publish", async () => {
    const grant = GRANTS.find((row) => row.role === "service") as Grant;
    const connection = await connectWith(await credentialsOf(keys, grant));
    const received = new Promise<void>((resolve) => {
      connection.subscribe("mesh.serve.alpha.w", { callback: () => resolve(), max: 1 });
    });
    const router = await connectWith(await issueCredentials(keys, { name: "router-alpha", role: "router" }));
    await connection.flush();
    router.publish("mesh.serve.alpha.w", undefined, { reply: "mesh.run.bravo.w.w.w" });
    await router.flush();
    await received;
    await router.close();
    const refused = await refusedBy(connection, "publish", ["mesh.run.bravo.w.w.w"]);
    assert.ok(refused.has("mesh.run.bravo.w.w.w"), "a reply subject let through what no grant holds");
  });
});

describe("accounts on a real server", () => {
  test("nobody gets in without credentials", async () => {
    await assert.rejects(connect({ servers: server.url, reconnect: false, timeout: 2_000 }), /Authorization Violation/);
  });

  test("accounts do not hear each other", async () => {
    const shop = await connectWith(
      await issueCredentials(keys, { name: "alpha", role: "application", account: APPLICATION_ACCOUNT }),
    );
    const mesh = await connectWith(await issueCredentials(keys, { name: "alpha", role: "service" }));
    let heard = 0;
    shop.subscribe("_INBOX.alpha.>", { callback: () => void heard++ });
    await shop.flush();
    const router = await connectWith(await issueCredentials(keys, { name: "router-alpha", role: "router" }));
    const arrived = new Promise<void>(
      (resolve) => void mesh.subscribe("_INBOX.alpha.>", { callback: () => resolve() }),
    );
    await mesh.flush();
    router.publish("_INBOX.alpha.w.w");
    await router.flush();
    await arrived;
    await shop.flush();
    assert.equal(heard, 0);
    await Promise.all([shop.close(), mesh.close(), router.close()]);
  });

  test("a rotated signer's credentials end when it is retired, and only those", async () => {
    const rows = GRANTS.filter((grant) => grant.role === "micro" || grant.role === "guest");
    const [old, untouched] = await Promise.all(rows.map(async (grant) => await credentialsOf(keys, grant)));
    const rotated = await rotateRoleKey(home, "MESH", rows[0]?.role as "micro");
    await reloadWith(rotated);
    const fresh = await credentialsOf(rotated, rows[0] as Grant);
    for (const credentials of [old, fresh, untouched]) await (await connectWith(credentials as string)).close();
    await reloadWith(await retireRoleKey(home, "MESH", rows[0]?.role as "micro"));
    for (const credentials of [fresh, untouched]) await (await connectWith(credentials as string)).close();
    await assert.rejects(connectWith(old as string), /Authorization Violation/);
  });
});

describe("streams on a real server", () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

  async function ask(connection: NatsConnection, subject: string, body: unknown): Promise<Record<string, unknown>> {
    const reply = await connection.request(subject, typeof body === "string" ? body : JSON.stringify(body), {
      timeout: 2_000,
    });
    return reply.json();
  }

  async function connectInbox(name: string, role: Grant["role"], account: string): Promise<NatsConnection> {
    const authenticator = credsAuthenticator(bytes(await issueCredentials(keys, { name, role, account })));
    return await connect({
      servers: server.url,
      authenticator,
      reconnect: false,
      timeout: 2_000,
      inboxPrefix: `_INBOX.${name}`,
    });
  }

  before(async () => {
    await Promise.all([
      bootstrapStreams({ servers: server.url, keys }),
      bootstrapStreams({ servers: server.url, keys }),
    ]);
  });

  test("bootstrapping again keeps what is there; routers read policy by the last of a subject and cannot write it", async () => {
    const operator = await connectInbox("operator", "operator", "CTRL");
    await ask(operator, "$KV.mesh-policy.head", "first");
    await bootstrapStreams({ servers: server.url, keys });
    const router = await connectInbox("router-alpha", "router", "CTRL");
    const read = await ask(router, "$JS.API.STREAM.MSG.GET.KV_mesh-policy", { last_by_subj: "$KV.mesh-policy.head" });
    assert.equal(Buffer.from((read.message as { data: string }).data, "base64").toString(), "first");
    assert.deepEqual([...(await refusedBy(router, "publish", ["$KV.mesh-policy.head"]))], ["$KV.mesh-policy.head"]);
    await operator.close();
  });

  test("an idempotency key is claimed once, with a life of its own", async () => {
    const router = await connectInbox("router-alpha", "router", "DURABLE");
    const claim = async (): Promise<Record<string, unknown>> => {
      const claimHeaders = headers();
      claimHeaders.set("Nats-Expected-Last-Subject-Sequence", "0");
      claimHeaders.set("Nats-TTL", "60s");
      return (
        await router.request("$KV.mesh-idempotency.key", bytes("mine"), { headers: claimHeaders, timeout: 2_000 })
      ).json();
    };
    assert.equal((await claim()).error, undefined);
    assert.match(JSON.stringify((await claim()).error), /wrong last sequence/);
    await router.close();
  });
});

/** Reloading takes effect a little after the signal; the trail it leaves is a line in the log. */
async function reloadWith(from: Keys): Promise<void> {
  const reloads = async (): Promise<number> =>
    (await readFile(server.logFile, "utf8")).split("Reloaded server configuration").length;
  const earlier = await reloads();
  await writeServerConfig(home, { port: -1, keys: from });
  server.reload();
  for (const until = Date.now() + 5_000; (await reloads()) === earlier; ) {
    assert.ok(Date.now() < until, "the server did not reload");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test("the matrix is wide enough to notice a grant too many", () => {
  const grant = GRANTS[0] as Grant;
  const subjects = allSubjects(grant, "publish");
  assert.ok(
    subjects.some((subject) => covers("mesh.run.*.*.*.*", subject)) &&
      subjects.some((subject) => covers("mesh.call.bravo.*.*", subject)),
  );
});
