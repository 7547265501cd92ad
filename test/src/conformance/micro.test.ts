// ADR-32: every answer to `$SRV` is what the published JSON schemas want, as the real command line judges it, and what it
// says is true.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Mesh, MeshError } from "@malla/sdk";
import type { NatsBroker } from "@malla/sdk/broker";
import { inboxSubject, type MicroVerb, serviceSubjects } from "@malla/sdk/contract";
import { eventually, startMesh, type TestMesh } from "../harness/index.ts";
import { NatsCli, ToolMissing } from "./tools/index.ts";

const VERBS: readonly MicroVerb[] = ["PING", "INFO", "STATS"];
/** Answers come within milliseconds; one that should not come has had its chance after this. */
const LISTEN_MS = 300;

interface Endpoint {
  readonly name: string;
  readonly subject: string;
  readonly num_requests: number;
  readonly num_errors: number;
  readonly last_error: string;
  readonly processing_time: number;
  readonly average_processing_time: number;
}
interface Answer {
  readonly type: string;
  readonly name: string;
  readonly id: string;
  readonly version: string;
  readonly started: string;
  readonly metadata: Record<string, string>;
  readonly endpoints: readonly Endpoint[];
}

let mesh: TestMesh;
let observer: NatsBroker;
let caller: Mesh;
let desk: Mesh;
const startedAt = Date.now();

before(async () => {
  mesh = await startMesh();
  observer = await mesh.raw("observer", "observer");
  caller = await mesh.caller("asker");
  const handlers = {
    slow: async ({ fail }: { fail?: boolean }) => {
      await sleep(40);
      if (fail === true) throw new MeshError({ status: "NOT_FOUND", message: 'no "such" thing\nat all' });
    },
    quick: () => null,
  };
  desk = await mesh.service("desk", handlers, {
    version: "1.4.0-rc.1+build.7",
    tags: { zone: "a" },
    description: 'says "ž"',
  });
  await mesh.service("desk", handlers, { version: "1.3.0" });
  await mesh.service("bare", { only: () => null });
});

after(async () => {
  await mesh?.stop();
});

async function ask(subject: string): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  const inbox = inboxSubject("srv", "observer", randomBytes(6).toString("hex"));
  const subscription = observer.subscribe(inbox, ({ payload }) => {
    if (payload.length > 0) answers.push(JSON.parse(Buffer.from(payload).toString()) as Answer);
  });
  observer.publish(subject, new Uint8Array(0), inbox);
  await sleep(LISTEN_MS);
  subscription.unsubscribe();
  return answers;
}

async function stats(of: Mesh, endpoint: string): Promise<Endpoint> {
  const [, , own = ""] = serviceSubjects("STATS", of.principal, of.instance);
  const [answer] = await ask(own);
  const found = answer?.endpoints.find(({ name }) => name === endpoint);
  assert.ok(found, `no endpoint ${endpoint}`);
  return found;
}

async function cliOrSkip(context: TestContext): Promise<NatsCli | undefined> {
  try {
    return await NatsCli.find(mesh.url, join(mesh.folder, "nats-cli"));
  } catch (error) {
    if (!(error instanceof ToolMissing)) throw error;
    context.skip(error.message);
    return undefined;
  }
}

test("everybody, everybody of a name, and one of them: each who is asked answers once, and the schemas hold", async (context) => {
  const cli = await cliOrSkip(context);
  if (cli === undefined) return;
  for (const verb of VERBS) {
    const [all = "", named = "", own = ""] = serviceSubjects(verb, "desk", desk.instance);
    for (const [subject, expected] of [
      [all, 3],
      [named, 2],
      [own, 1],
    ] as const) {
      const answers = await ask(subject);
      assert.equal(answers.length, expected, `${subject}: ${JSON.stringify(answers)}`);
      assert.equal(new Set(answers.map(({ id }) => id)).size, expected);
      for (const [i, answer] of answers.entries()) {
        const schema = `io.nats.micro.v1.${verb.toLowerCase()}_response`;
        assert.equal(answer.type, schema);
        const file = join(mesh.folder, `${verb}-${i}.json`);
        await writeFile(file, JSON.stringify(answer));
        assert.equal(await cli.schemaProblem(schema, file), undefined);
      }
    }
  }
});

test("the judge itself finds what is wrong", async (context) => {
  const cli = await cliOrSkip(context);
  if (cli === undefined) return;
  const file = join(mesh.folder, "wrong.json");
  await writeFile(file, JSON.stringify({ type: "io.nats.micro.v1.ping_response", name: "desk" }));
  assert.match((await cli.schemaProblem("io.nats.micro.v1.ping_response", file)) ?? "", /id/);
});

test("an instance says who it is", async () => {
  const [, , own = ""] = serviceSubjects("INFO", "desk", desk.instance);
  const [answer] = await ask(own);
  assert.deepEqual([answer?.name, answer?.id, answer?.version], ["desk", desk.instance, "1.4.0-rc.1+build.7"]);
  assert.deepEqual(answer?.metadata, { zone: "a" });
  assert.deepEqual(answer?.endpoints.map(({ name }) => name).sort(), ["quick", "slow"]);
});

test("counts and times are those of handlers that have ended, not of promises that were returned", async () => {
  const only = await mesh.service("clock", {
    slow: async ({ fail }: { fail?: boolean }) => {
      await sleep(40);
      if (fail === true) throw new MeshError({ status: "NOT_FOUND", message: 'no "such" thing\nat all' });
    },
    hang: async () => await sleep(600),
    throws: () => {
      throw new Error("broken");
    },
    quick: () => null,
  });
  for (let n = 0; n < 5; n++) await caller.call("clock", "slow", {});
  for (let n = 0; n < 2; n++) await caller.call("clock", "slow", { fail: true }).catch(() => undefined);
  const slow = await stats(only, "slow");
  assert.deepEqual([slow.num_requests, slow.num_errors], [7, 2]);
  assert.match(slow.last_error, /^404:no "such" thing/);
  const MS = 1_000_000;
  assert.ok(slow.processing_time >= 7 * 39 * MS && slow.processing_time < 7 * 120 * MS, `${slow.processing_time} ns`);
  assert.ok(Number.isInteger(slow.processing_time) && Number.isInteger(slow.average_processing_time));
  assert.ok(Math.abs(slow.average_processing_time - slow.processing_time / 7) <= 1);
  assert.equal((await stats(only, "quick")).num_requests, 0);
  await caller.call("clock", "throws").catch(() => undefined);
  assert.deepEqual(
    [(await stats(only, "throws")).num_errors, (await stats(only, "throws")).last_error],
    [1, "500:broken"],
  );
  const hanging = caller.call("clock", "hang");
  assert.equal((await stats(only, "hang")).num_requests, 0, "a call that still runs was counted");
  await hanging;
  assert.equal((await stats(only, "hang")).num_requests, 1);
});

test("started is when it started", async () => {
  const [, , own = ""] = serviceSubjects("STATS", "desk", desk.instance);
  const started = Date.parse((await ask(own))[0]?.started ?? "");
  assert.ok(started >= startedAt && started <= Date.now(), String(started));
});

test("nobody answers for a service that is not there, or after it has gone", async () => {
  assert.deepEqual(await ask(serviceSubjects("INFO", "nobody", "x")[1] ?? ""), []);
  const brief = await mesh.service("brief", { only: () => null });
  const [, named = ""] = serviceSubjects("PING", "brief", brief.instance);
  assert.equal((await ask(named)).length, 1);
  await mesh.leave(brief);
  assert.deepEqual(await ask(named), []);
});

test("an answer goes only to where answers of this kind belong", async () => {
  // A router may ask in anybody's name; an instance that answered anywhere would lend it its own voice.
  let heard = 0;
  observer.subscribe("_INBOX.observer.>", () => heard++);
  observer.publish(
    serviceSubjects("PING", "desk", "x")[1] ?? "",
    new Uint8Array(0),
    inboxSubject("observer", "x", "1"),
  );
  await sleep(LISTEN_MS);
  assert.equal(heard, 0);
  await eventually(async () => assert.equal(await caller.call("desk", "quick"), null));
});
