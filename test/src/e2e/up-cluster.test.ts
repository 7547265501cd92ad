// `malla up --servers 3`: a broker of three on one machine; one that is killed comes back, and calls go on meanwhile.
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { eventually } from "../harness/eventually.ts";
import { CommandLine, type LongRunning, ROOT } from "./command-line.ts";

interface RunFile {
  readonly pid: number;
  readonly natsUrl: string;
  readonly brokers: readonly { readonly name: string; readonly pid: number; readonly url: string }[];
  readonly routers: readonly { readonly pid: number }[];
}

/** Three servers choose a leader, which takes some seconds on a busy machine. */
const START_MS = 120_000;
const PATIENCE = { withinMs: 60_000, everyMs: 200 } as const;
const POLICY = `apiVersion: malla.dev/v1
kind: AccessPolicy
metadata: { name: echo-callers }
spec: { service: echo, action: allow, rules: [{ principals: [guest, asker] }] }
`;

let line: CommandLine;
let mesh: LongRunning;

before(async () => {
  line = new CommandLine();
  mesh = await up("--servers", "3");
});
after(async () => line.close());

async function up(...flags: readonly string[]): Promise<LongRunning> {
  const started = line.start(["up", "--port", "-1", "--metrics-port", "0", "--routers", "2", ...flags]);
  await started.until("The mesh is up", START_MS);
  return started;
}

function readRun(): RunFile {
  return JSON.parse(readFileSync(join(line.folder, ".malla/run.json"), "utf8")) as RunFile;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A program of the SDK in a file of its own. */
function program(name: string, body: string): string {
  const sdk = pathToFileURL(join(ROOT, "sdk/dist/index.js")).href;
  writeFileSync(join(line.folder, name), `import { connect } from "${sdk}";\nconst mesh = await connect();\n${body}\n`);
  return name;
}

function serve(service: string, file: string): LongRunning {
  return line.start(["run", "--service", service, "--", process.execPath, file]);
}

test("the run file, check and programs know all of them", async () => {
  const { brokers, natsUrl } = readRun();
  assert.deepEqual(
    brokers.map(({ name }) => name),
    ["malla-1", "malla-2", "malla-3"],
  );
  assert.equal(natsUrl, brokers.map(({ url }) => url).join(","));
  await eventually(() => {
    const { code, stdout } = line.run(["check"]);
    assert.equal(code, 0, stdout);
    for (const { name } of brokers) assert.match(stdout, new RegExp(`broker ${name}: .* routes to 2 of 2`));
  }, PATIENCE);
  const printed = line.run(["run", "--service", "printer", "--", process.execPath, "-p", "process.env.NATS_URL"]);
  assert.equal(printed.stdout.trim(), natsUrl);
});

test("a server that is killed comes back alone, on its port, and calls go on", async () => {
  writeFileSync(join(line.folder, "policy.yaml"), POLICY);
  const applied = line.run(["apply", "-f", "policy.yaml", "--wait"]);
  assert.equal(applied.code, 0, applied.stderr);
  const echo = serve(
    "echo",
    program("echo.mjs", 'await mesh.serve({ echo: (value) => value }); console.log("serving");'),
  );
  await echo.until("serving");
  const asking = `
let failed = 0;
for (let calls = 1; ; calls++) {
  try {
    await mesh.call("echo", "echo", calls, { timeoutMs: 20_000, idempotencyKey: crypto.randomUUID() });
  } catch (error) {
    failed++;
    console.log("call failed", error.message);
  }
  if (calls % 50 === 0) console.log(calls + " calls, " + failed + " failed");
  await new Promise((resolve) => setTimeout(resolve, 5));
}`;
  const asker = serve("asker", program("asker.mjs", asking));
  await asker.until(/^50 calls/m);
  const before = readRun();
  for (const { name, pid, url } of before.brokers) {
    process.kill(pid, "SIGKILL");
    await mesh.until(`${name} ended with code 1; starting it again`);
    await eventually(() => {
      const now = readRun().brokers.find((one) => one.name === name);
      assert.ok(now !== undefined && now.pid !== pid && isAlive(now.pid), `another ${name}`);
      assert.equal(now.url, url);
    }, PATIENCE);
    // Those that were not killed are those there were: each is supervised alone.
    const others = readRun().brokers.filter((one) => one.name > name);
    assert.deepEqual(
      others,
      before.brokers.filter((one) => one.name > name),
    );
    await eventually(() => assert.equal(line.run(["check"]).code, 0), PATIENCE);
  }
  const calls = Number(/(\d+) calls, \d+ failed\n[\s\S]*$/.exec(asker.output())?.[1] ?? 0);
  await asker.until(`${(Math.floor(calls / 50) + 4) * 50} calls`);
  assert.deepEqual(asker.output().match(/^call failed.*$/gm) ?? [], []);
});

test("started again it has its servers and its policy; another number that would lose them is refused", async () => {
  const { brokers, routers, pid } = readRun();
  mesh.child.kill("SIGINT");
  assert.equal((await mesh.ended).code, 0);
  assert.deepEqual([pid, ...[...brokers, ...routers].map((one) => one.pid)].filter(isAlive), []);
  assert.equal(existsSync(join(line.folder, ".malla/run.json")), false);
  const fewer = line.run(["up", "--servers", "1", "--port", "-1", "--metrics-port", "0"]);
  assert.equal(fewer.code, 1);
  assert.match(fewer.stderr, /on 3 servers, and 1 cannot take them over/);
  assert.equal(line.run(["up", "--servers", "2"]).code, 2);
  mesh = await up();
  assert.deepEqual(
    readRun().brokers.map(({ name }) => name),
    brokers.map(({ name }) => name),
  );
  await eventually(() => assert.match(line.run(["get", "all"]).stdout, /echo-callers/), PATIENCE);
});
