// A secret in everything a call carries, through calls that fail in every way there is: it may come out nowhere.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Writable } from "node:stream";
import { after, before, test } from "node:test";
import { type CallContext, connect, loadContract, type Mesh, MeshError } from "@malla/sdk";
import type { NatsBroker } from "@malla/sdk/broker";
import { inboxSubject, serviceQuestion, viaSubject } from "@malla/sdk/contract";
import { createLog, createOtelTracer, createPrometheus, createTelemetry, type Log } from "@malla/sdk/telemetry";
import { eventually, OtlpReceiver, PlainCaller, rejection, startMesh, type TestMesh } from "../harness/index.ts";

const CANARY = "c4n4ry-Zx81qPL0vT7";
/** What the secret would look like in the encodings it could come out in. */
const DISGUISES = [
  CANARY,
  Buffer.from(CANARY).toString("base64").replace(/=+$/, ""),
  Buffer.from(CANARY).toString("hex"),
];

let mesh: TestMesh;
let otlp: OtlpReceiver;
let caller: Mesh;
let visitor: Mesh;
let guest: NatsBroker;
let log: Log;
let written = "";
const metrics = createPrometheus({ processMetrics: false });
const errors: string[] = [];

before(async () => {
  otlp = await OtlpReceiver.start();
  const options = {
    routers: 1,
    routerProcesses: true,
    logLevel: "debug",
    otlpEndpoint: otlp.endpoint,
    traceRatio: 1,
  } as const;
  mesh = await startMesh(options);
  log = createLog({
    level: "debug",
    to: new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        written += chunk.toString();
        done();
      },
    }),
  });
  const tracer = createOtelTracer({ serviceName: "canary", endpoint: otlp.endpoint, log, sampleRatio: 1 });
  const telemetry = createTelemetry({ metrics, tracer, log });
  closing.push(async () => tracer.shutdown());
  const contract = join(mesh.folder, "vault.proto");
  await writeFile(
    contract,
    `syntax = "proto3";
package test.vault;
enum Kind { KIND_UNSPECIFIED = 0; GOLD = 1; }
message Entry { string text = 1; int64 cents = 2; Kind kind = 3; bytes token = 4; map<string, int32> counts = 5; }
service Vault { rpc Put(Entry) returns (Entry); }`,
  );
  await mesh.contractService(
    await loadContract(contract, { name: "vault" }),
    { Put: (entry: object) => entry } as never,
    {
      telemetry,
    },
  );
  await mesh.service(
    "ledger",
    {
      fine: (_request: unknown, context: CallContext) => {
        context.log.info({}, "ran");
        return {};
      },
      throws: () => {
        throw new Error("the handler failed");
      },
      refuses: () => {
        throw new MeshError({ status: "FAILED_PRECONDITION", message: "no" });
      },
      late: async () => await new Promise((resolve) => setTimeout(resolve, 500)),
      unencodable: () => 1n,
    },
    { telemetry },
  );
  caller = await mesh.caller("buyer", { telemetry });
  guest = await mesh.raw("guest", "guest");
  visitor = await mesh.caller("visitor", { role: "guest", telemetry });
  await mesh.routersHeard();
});

const closing: (() => Promise<void>)[] = [];

after(async () => {
  for (const close of closing) await close();
  await mesh?.stop();
  await otlp?.stop();
});

/** Everything where a caller can put a secret of his own. */
const OPTIONS = {
  key: CANARY,
  idempotencyKey: `id-${CANARY}`,
  headers: { "X-Api-Key": CANARY, "X-Session": CANARY, Cookie: `session=${CANARY}` },
};

test("calls that fail in every way carry a secret, and answer without it", async () => {
  const request = { card: CANARY, nested: { list: [CANARY] } };
  assert.deepEqual(await caller.call("ledger", "fine", request, OPTIONS), {});
  const failing: readonly (() => Promise<unknown>)[] = [
    () => caller.call("ledger", "throws", request, OPTIONS),
    () => caller.call("ledger", "refuses", request, OPTIONS),
    () => caller.call("ledger", "unencodable", request, OPTIONS),
    () => caller.call("ledger", "late", request, { ...OPTIONS, timeoutMs: 100 }),
    () => caller.call("ledger", "late", request, { ...OPTIONS, signal: AbortSignal.timeout(50) }),
    () => caller.call("ledger", "missing", request, OPTIONS),
    () => caller.call("nowhere", "fine", request, OPTIONS),
    // In frames, and too large for who sends none.
    () =>
      caller.call("ledger", "throws", { big: CANARY.repeat(100_000) }, { ...OPTIONS, idempotencyKey: `big-${CANARY}` }),
    () => visitor.call("ledger", "fine", { big: CANARY.repeat(100_000) }, OPTIONS),
    () => caller.call("ledger", "fine", request, { headers: { "X-Bad": `${CANARY}\r\nMalla-Caller: root` } }),
    () => caller.call("ledger", "fine", request, { headers: { Authorization: CANARY } }),
    () => caller.call("vault", "Put", { text: 7, cents: CANARY }),
    () => caller.call("vault", "Put", { kind: CANARY }),
    () => caller.call("vault", "Put", { token: `*${CANARY}` }),
    () => caller.call("vault", "Put", { counts: { a: CANARY } }),
    () => caller.call("vault", "Put", CANARY),
    () => caller.call("vault", "Put", [CANARY]),
  ];
  for (const fail of failing) {
    const error = await rejection(fail());
    errors.push(`${error.message} ${JSON.stringify(error)} ${String(error.cause ?? "")}`);
  }
});

test("raw requests that are refused carry one too", async () => {
  const plain = new PlainCaller(guest, "guest");
  const fields = [
    ...["Authorization", `Bearer ${CANARY}`, "X-Secret", CANARY, "Malla-Key", CANARY],
    ...["baggage", `k=${CANARY}`, "Cookie", CANARY],
  ];
  const refused: readonly (readonly string[])[] = [
    fields,
    [...fields, "Malla-Timeout", CANARY],
    [...fields, "Malla-Priority", CANARY],
    [...fields, "Malla-Key", CANARY],
    [...fields, "Malla-Idempotency-Key", CANARY.repeat(40)],
    [...fields, "traceparent", CANARY, "tracestate", `a=${CANARY}`],
  ];
  for (const some of refused) {
    const { headers, payload } = await plain.request("ledger", "refuses", { secret: CANARY }, some);
    errors.push(headers.fields.join(" "), Buffer.from(payload).toString());
  }
  // JSON that is none: the parser's own words quote it.
  guest.publish("mesh.call.guest.ledger.fine", Buffer.from(`{"card":"${CANARY}`), "_INBOX.guest.raw.1");
  for (const block of [
    `NATS/1.0\r\nX: ${CANARY}\n\r\n\r\n`,
    `NATS/1.0\r\n${CANARY}\r\n\r\n`,
    `NATS/1.0 ${CANARY}\r\n\r\n`,
  ])
    guest.publish("mesh.call.guest.ledger.fine", Buffer.from(CANARY), "_INBOX.guest.raw.2", Buffer.from(block));
  await plain.request("ledger", "fine", {});
});

test("credentials and addresses that do not work are not quoted in the error", async () => {
  const path = join(mesh.folder, "broken.creds");
  for (const text of [
    CANARY,
    `-----BEGIN NATS USER JWT-----\n${CANARY}\n------END NATS USER JWT------\n`,
    `-----BEGIN NATS USER JWT-----\neyJ0eXAiOiJKV1QifQ.${Buffer.from(`{"name":"x","k":"${CANARY}"`).toString("base64url")}.x\n------END NATS USER JWT------\n-----BEGIN USER NKEY SEED-----\nSU${CANARY}\n------END USER NKEY SEED------\n`,
  ]) {
    await writeFile(path, text);
    const error = await rejection(connect({ credentials: path, service: "x", servers: mesh.url, drainOn: [] }));
    errors.push(`${error.message} ${String(error.cause ?? "")}`);
  }
  const credentials = await mesh.credentials("lost");
  const servers = `nats://user:${CANARY}@127.0.0.1:1`;
  errors.push((await rejection(connect({ credentials, service: "lost", servers, drainOn: [] }))).message);
});

test("the secret is in no error, log line, metric, span or answer of `nats micro`", async () => {
  const [router] = mesh.routers;
  assert.ok(router);
  const observer = await mesh.raw("observer", "observer");
  const answers: string[] = [];
  const inbox = inboxSubject("srv", "canary", "1");
  observer.subscribe(inbox, ({ payload }) => answers.push(Buffer.from(payload).toString()));
  for (const verb of ["PING", "INFO", "STATS"] as const)
    observer.publish(serviceQuestion(verb), new Uint8Array(0), inbox);
  await eventually(() => assert.ok(answers.length >= 6));
  const asker = new Promise<string>((resolve) => {
    guest.subscribe("_INBOX.guest.ask.1", ({ payload }) => resolve(Buffer.from(payload).toString()));
  });
  guest.publish("mesh.call.guest.mesh.instances", new Uint8Array(0), "_INBOX.guest.ask.1");
  answers.push(await asker, viaSubject(router.id, "guest", "mesh", "x"));
  for (const close of closing.splice(0)) await close();
  await eventually(() => assert.ok(otlp.spans.length >= 20, `${otlp.spans.length} spans`), { withinMs: 20_000 });
  await log.flush();
  const places: Readonly<Record<string, readonly string[]>> = {
    "an error": errors,
    "the log of an SDK": [written],
    "the log of a router": [router.log],
    "the metrics of an SDK": [await metrics.metrics()],
    "the metrics of a router": [await mesh.metrics(router)],
    "a span": otlp.bodies,
    "an answer": answers,
  };
  for (const [place, texts] of Object.entries(places)) {
    assert.ok(texts.join("").length > 100, `${place}: there is something to look at`);
    for (const disguise of DISGUISES) {
      const found = texts.find((text) => text.includes(disguise));
      const at = found?.indexOf(disguise) ?? 0;
      assert.equal(found?.slice(Math.max(0, at - 200), at + 60), undefined, `${place} shows the secret`);
    }
  }
  // Both logs were at debug, and saw what failed.
  assert.match(router.log, /"level":"debug"/);
  assert.match(written, /a handler threw/);
});
