// Who has none of our code: the `nats` command line and nats-py call through the mesh like everyone, and a service written
// with nats-py serves on it.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type CallContext, type Mesh, MeshError } from "@malla/sdk";
import { MAX_PARKED_IN_DOUBT_MS } from "@malla/sdk/call";
import { callSubject, header, serveSubject } from "@malla/sdk/contract";
import { eventually, rejection, startMesh, type TestMesh, timed } from "../harness/index.ts";
import { NatsCli, NatsPy, type RunningScript, ToolMissing } from "./tools/index.ts";

/** Plain services are asked for every five seconds. */
const DISCOVERY_MS = 15_000;
const GUEST = "guest";
const GUEST_INBOX = "_INBOX.guest";

let mesh: TestMesh;
let guest: string;
let flaky = 0;
let writes = 0;
const scripts: RunningScript[] = [];
let cancelled = 0;

before(async () => {
  mesh = await startMesh({ routers: 2 });
  guest = await mesh.credentials(GUEST, "guest");
  for (const bad of [true, false]) {
    await mesh.service("catalog", {
      list: () => ({ products: ["chair"] }),
      who: (_: unknown, { principal, headers }: CallContext) => ({ principal, beta: headers.get("x-beta") }),
      read: () => {
        flaky++;
        if (bad) throw new MeshError({ status: "UNAVAILABLE", message: "injected" });
        return "read";
      },
      write: () => {
        writes++;
        throw new MeshError({ status: "UNAVAILABLE", message: "injected" });
      },
      hang: async (_: unknown, { signal, remainingMs }: CallContext) => {
        signal.addEventListener("abort", () => cancelled++);
        const left = remainingMs();
        await sleep(5_000, undefined, { signal }).catch(() => undefined);
        return left;
      },
      refuse: () => {
        throw new MeshError({ status: "NOT_FOUND", message: "no such chair" });
      },
    });
  }
  await mesh.service("payments", { charge: () => "charged" });
  await mesh.apply(`
apiVersion: malla.dev/v1
kind: AccessPolicy
metadata: { name: payments-callers }
spec: { service: payments, action: allow, rules: [{ principals: [orders] }] }
---
apiVersion: malla.dev/v1
kind: ServicePolicy
metadata: { name: catalog }
spec:
  service: catalog
  loadBalancer: round-robin
  idempotentMethods: [read]
  retries: { attempts: 2, on: [unavailable], backoff: { fixed: { delayMs: 5 } }, budget: { percent: 100, minPerSecond: 100 } }
`);
});

after(async () => {
  for (const script of scripts) await script.stop();
  await mesh?.stop();
});

async function orSkip<Tool>(context: TestContext, find: () => Promise<Tool>): Promise<Tool | undefined> {
  try {
    return await find();
  } catch (error) {
    if (!(error instanceof ToolMissing)) throw error;
    context.skip(error.message);
    return undefined;
  }
}

const findCli = async (): Promise<NatsCli> => await NatsCli.find(mesh.url, join(mesh.folder, "nats-cli"));

interface Answer {
  readonly payload: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What every client must see, whichever it is. */
async function judgeCaller(
  request: (service: string, method: string, payload: unknown, headers?: Record<string, string>) => Promise<Answer>,
): Promise<void> {
  const list = await request("catalog", "list", {});
  assert.deepEqual(JSON.parse(list.payload), { products: ["chair"] });
  const who = await request("catalog", "who", {}, { "X-Beta": "yes", [header.caller]: "operator" });
  assert.deepEqual(JSON.parse(who.payload), { principal: GUEST, beta: "yes" });

  const { result: late, ms } = await timed(
    async () => await request("catalog", "hang", {}, { [header.timeout]: "300" }),
  );
  assert.deepEqual([late.headers[header.status], late.headers[header.serviceErrorCode]], ["DEADLINE_EXCEEDED", "504"]);
  assert.ok(ms < 2_500, `${ms} ms`);

  flaky = 0;
  for (let n = 0; n < 4; n++) assert.equal((await request("catalog", "read", {})).payload.trim(), '"read"');
  assert.ok(flaky > 4, "the failing instance was never tried, so nothing was retried");
  writes = 0;
  const failed = await request("catalog", "write", {});
  assert.deepEqual([failed.headers[header.status], failed.headers[header.serviceError]], ["UNAVAILABLE", "injected"]);
  assert.equal(writes, 1);

  const missing = await request("catalog", "refuse", {});
  assert.deepEqual(
    [missing.headers[header.status], missing.headers[header.serviceErrorCode], missing.headers[header.serviceError]],
    ["NOT_FOUND", "404", "no such chair"],
  );
  const denied = await request("payments", "charge", {});
  assert.deepEqual(
    [denied.headers[header.status], denied.headers[header.reason], denied.headers[header.serviceErrorCode]],
    ["PERMISSION_DENIED", "denied", "403"],
  );
  assert.match(denied.headers[header.serviceError] ?? "", /payments/);
  const unknown = await request("nobody", "x", {});
  assert.deepEqual([unknown.headers[header.reason], unknown.headers[header.serviceErrorCode]], ["no-service", "501"]);
  const nonsense = await request("catalog", "list", {}, { [header.timeout]: "soon" });
  assert.deepEqual(
    [nonsense.headers[header.reason], nonsense.headers[header.serviceErrorCode]],
    ["bad-request", "400"],
  );
}

test("the nats command line calls, and gets deadline, retries and authorization like everyone", async (context) => {
  const cli = await orSkip(context, findCli);
  if (cli === undefined) return;
  await judgeCaller(async (service, method, payload, headers = {}) => {
    const flags = Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}:${value}`]);
    const { code, stdout, stderr } = await cli.run(guest, GUEST_INBOX, [
      "req",
      ...flags,
      callSubject(GUEST, service, method),
      JSON.stringify(payload),
    ]);
    assert.equal(code, 0, stderr);
    // What came is written as `12:34:56 Name: value`, the body alone goes to stdout.
    const fields = [...stderr.matchAll(/^\d\d:\d\d:\d\d ([\w-]+): (.*)$/gm)].map(([, name, value]) => [
      name as string,
      value as string,
    ]);
    return { payload: stdout, headers: Object.fromEntries(fields) as Record<string, string> };
  });
  assert.ok(cancelled > 0, "the handler went on after the deadline");
});

test("the broker itself stops the nats command line from calling in another's name", async (context) => {
  const cli = await orSkip(context, findCli);
  if (cli === undefined) return;
  const { stdout, stderr } = await cli.run(guest, GUEST_INBOX, [
    "req",
    "--timeout",
    "1s",
    callSubject("orders", "payments", "charge"),
    "{}",
  ]);
  assert.match(stderr, /[Pp]ermissions [Vv]iolation/);
  assert.doesNotMatch(stdout, /charged/);
});

test("the nats command line lists the services as observer", async (context) => {
  const cli = await orSkip(context, findCli);
  if (cli === undefined) return;
  const observer = await mesh.credentials("observer", "observer");
  const micro = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cli.run(observer, "_INBOX.srv", ["micro", ...args]);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const listed = JSON.parse(await micro("ls", "--json")) as { name: string }[];
  assert.deepEqual(listed.map(({ name }) => name).sort(), ["catalog", "catalog", "payments"]);
  assert.match(await micro("info", "catalog"), /list/);
  assert.match(await micro("stats", "catalog"), /catalog Service Statistics/);
});

test("nats-py calls, and gets deadline, retries and authorization like everyone", async (context) => {
  const python = await orSkip(context, async () => await NatsPy.find());
  if (python === undefined) return;
  await judgeCaller(async (service, method, payload, headers) => {
    const requests = [{ subject: callSubject(GUEST, service, method), payload, headers }];
    const said = await python.run("caller.py", [mesh.url, guest, GUEST], { input: JSON.stringify(requests) });
    return JSON.parse(said) as Answer;
  });
});

test("a hundred calls of nats-py at once are each answered with their own", async (context) => {
  const python = await orSkip(context, async () => await NatsPy.find());
  if (python === undefined) return;
  await mesh.service("echo", { echo: async (value: number) => await sleep(Math.random() * 50, value) });
  const requests = Array.from({ length: 100 }, (_, payload) => ({
    subject: callSubject(GUEST, "echo", "echo"),
    payload,
  }));
  const lines = (await python.run("caller.py", [mesh.url, guest, GUEST], { input: JSON.stringify(requests) }))
    .trim()
    .split("\n");
  assert.deepEqual(
    lines.map((line) => Number((JSON.parse(line) as Answer).payload)),
    requests.map(({ payload }) => payload),
  );
});

interface Look {
  readonly pid: number;
  readonly payload: string;
  readonly headers: Readonly<Record<string, string>>;
}

test("a service written with nats-py is found, called, and its errors are mapped", async (context) => {
  const python = await orSkip(context, async () => await NatsPy.find());
  if (python === undefined) return;
  const credentials = await mesh.credentials("pricing", "micro");
  for (let n = 0; n < 2; n++) scripts.push(await python.start("service.py", [mesh.url, credentials, "pricing"]));
  const caller = await mesh.caller("orders");
  const look = async (options: Parameters<Mesh["call"]>[3] = {}): Promise<Look> =>
    await caller.call<Look>("pricing", "look", { chair: 1 }, options);
  // Each router asks for itself, and each call may come to either.
  const lookAtBoth = async (): Promise<void> => {
    for (let n = 0; n < 20; n++) await look();
  };
  await eventually(lookAtBoth, { withinMs: DISCOVERY_MS, everyMs: 200 });

  const seen = await look({ headers: { "x-beta": "yes" }, timeoutMs: 4_000 });
  assert.deepEqual(JSON.parse(seen.payload), { chair: 1 });
  assert.deepEqual([seen.headers[header.caller], seen.headers["x-beta"]], ["orders", "yes"]);
  const left = Number(seen.headers[header.timeout]);
  assert.ok(left > 3_000 && left <= 4_000, String(left));

  for (const [code, status] of [
    [400, "INVALID_ARGUMENT"],
    [403, "PERMISSION_DENIED"],
    [404, "NOT_FOUND"],
    [409, "ABORTED"],
    [429, "RESOURCE_EXHAUSTED"],
    [501, "UNIMPLEMENTED"],
    [503, "UNAVAILABLE"],
    [418, "UNKNOWN"],
  ] as const) {
    const error = (await rejection(caller.call("pricing", "fail", { code, text: "said in Python" }))) as MeshError;
    assert.deepEqual([error.status, error.reason, error.message], [status, "application", "said in Python"]);
  }
  const { result, ms } = await timed(
    async () => (await rejection(caller.call("pricing", "slow", { seconds: 3 }, { timeoutMs: 300 }))) as MeshError,
  );
  assert.equal(result.status, "DEADLINE_EXCEEDED");
  assert.ok(ms < 600, `${ms} ms`);
  const noMethod = (await rejection(caller.call("pricing", "nonsense"))) as MeshError;
  assert.equal(noMethod.reason, "no-method");

  const pids = new Set<number>();
  for (let n = 0; n < 30; n++) pids.add((await look()).pid);
  assert.equal(pids.size, 2, "the queue group spreads calls over both");
});

test("a plain service cannot be told a false caller, and takes no call but through a router", async (context) => {
  const cli = await orSkip(context, findCli);
  if (cli === undefined || scripts.length === 0) return;
  const forged = ["-H", `${header.caller}:operator`, "-H", `${header.caller.toLowerCase()}:operator`];
  const refused = await cli.run(guest, GUEST_INBOX, [
    "req",
    "--raw",
    ...forged.slice(0, 2),
    callSubject(GUEST, "pricing", "look"),
    "{}",
  ]);
  assert.equal((JSON.parse(refused.stdout) as Look).headers[header.caller], GUEST);
  const twice = await cli.run(guest, GUEST_INBOX, ["req", ...forged, callSubject(GUEST, "pricing", "look"), "{}"]);
  assert.doesNotMatch(twice.stdout, /operator/);
  const direct = await cli.run(guest, GUEST_INBOX, ["req", "--timeout", "1s", serveSubject("pricing", "look"), "{}"]);
  assert.match(direct.stderr, /[Pp]ermissions [Vv]iolation/);
});

test("one of two plain instances is killed and calls go on; with nobody home it is a 503", async (context) => {
  const [victim, last] = scripts;
  if (victim === undefined || last === undefined) return context.skip("no service written with nats-py runs");
  const caller = await mesh.caller("latecomer");
  process.kill(victim.pid, "SIGKILL");
  await rejection(victim.stop());
  scripts.splice(scripts.indexOf(victim), 1);
  for (let n = 0; n < 20; n++) assert.ok((await caller.call<Look>("pricing", "look", {})).pid > 0);
  await last.stop();
  scripts.splice(scripts.indexOf(last), 1);
  const { result, ms } = await timed(async () => (await rejection(caller.call("pricing", "look", {}))) as MeshError);
  assert.equal(result.status, "UNAVAILABLE");
  assert.ok(["no-instance", "not-started"].includes(result.reason), result.reason);
  assert.equal(result.http, 503);
  assert.ok(ms < MAX_PARKED_IN_DOUBT_MS + 500, `${ms} ms`);
});

test("a policy can name the methods of a service that answers no `$SRV`", async () => {
  const bare = await mesh.raw("antique", "micro");
  bare.subscribe(serveSubject("antique", "tick"), ({ reply }) => bare.publish(reply, Buffer.from('"tock"')), "q");
  await bare.flush();
  await mesh.apply(`
apiVersion: malla.dev/v1
kind: ServicePolicy
metadata: { name: antique }
spec: { service: antique, plainMethods: [tick] }
`);
  const caller = await mesh.caller("collector");
  await eventually(async () => assert.equal(await caller.call("antique", "tick", {}), "tock"), {
    withinMs: DISCOVERY_MS,
    everyMs: 200,
  });
});
