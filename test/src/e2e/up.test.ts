// `malla up` and its children: what dies comes back where it was, and nothing outlives it, however it ends.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { eventually } from "../harness/eventually.ts";
import { CommandLine, type LongRunning } from "./command-line.ts";

interface RunFile {
  readonly pid: number;
  readonly natsUrl: string;
  readonly brokers: readonly { readonly pid: number }[];
  readonly routers: readonly { readonly name: string; readonly pid: number; readonly metricsPort: number }[];
}

/** Signals, restarts and clean ends take a second or two on a quiet machine. */
const PATIENCE = { withinMs: 30_000, everyMs: 100 } as const;

let line: CommandLine;
afterEach(async () => line.close());

async function up(...flags: readonly string[]): Promise<{ mesh: LongRunning; run: RunFile }> {
  line = new CommandLine();
  const mesh = line.start(["up", "--port", "-1", "--metrics-port", "0", "--routers", "2", ...flags]);
  await mesh.until("The mesh is up", 60_000);
  return { mesh, run: readRun() };
}

function readRun(): RunFile {
  return JSON.parse(readFileSync(join(line.folder, ".malla/run.json"), "utf8")) as RunFile;
}

function pidsOf({ pid, brokers, routers }: RunFile): readonly number[] {
  return [pid, ...[...brokers, ...routers].map((child) => child.pid)];
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("a broker and a router that are killed come back on the ports they had", async () => {
  const { mesh, run } = await up();
  const [first] = run.routers;
  const [broker] = run.brokers;
  assert.ok(broker !== undefined && first !== undefined && first.metricsPort > 0);
  process.kill(broker.pid, "SIGKILL");
  process.kill(first.pid, "SIGKILL");
  await mesh.until("router-1 was ended by SIGKILL; starting it again");
  await eventually(() => {
    const now = readRun();
    const pid = now.brokers[0]?.pid ?? 0;
    assert.ok(pid !== broker.pid && isAlive(pid), "another nats-server");
    assert.ok(now.routers[0]?.pid !== first.pid && isAlive(now.routers[0]?.pid ?? 0), "another router");
    assert.equal(now.natsUrl, run.natsUrl);
    assert.equal(now.routers[0]?.metricsPort, first.metricsPort);
  }, PATIENCE);
  await eventually(async () => {
    const ready = await fetch(`http://127.0.0.1:${first.metricsPort}/readyz`);
    assert.equal(ready.status, 200);
  }, PATIENCE);
  await eventually(() => {
    const { code, stdout } = line.run(["check"]);
    assert.equal(code, 0, stdout);
  }, PATIENCE);
});

test("SIGTERM ends it with everything it started, and leaves no run file", async () => {
  const { mesh, run } = await up();
  mesh.child.kill("SIGTERM");
  const { code } = await mesh.ended;
  assert.equal(code, 0);
  assert.deepEqual(pidsOf(run).filter(isAlive), []);
  assert.equal(existsSync(join(line.folder, ".malla/run.json")), false);
});

test("even a kill -9 leaves nothing behind, and the next one starts in the same home", async () => {
  const { mesh, run } = await up();
  mesh.child.kill("SIGKILL");
  await mesh.ended;
  await eventually(() => assert.deepEqual(pidsOf(run).filter(isAlive), []), PATIENCE);
  const services = line.run(["services"]);
  assert.equal(services.code, 1, "the run file of a dead process counts for nothing");
  const again = line.start(["up", "--port", "-1", "--metrics-port", "0"]);
  await again.until("The mesh is up", 60_000);
});

test("a port that is taken is said so, with the flag to change it", async () => {
  line = new CommandLine();
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as AddressInfo;
  try {
    const broker = line.run(["up", "--port", String(port), "--metrics-port", "0"]);
    assert.equal(broker.code, 1);
    assert.match(
      broker.stderr,
      new RegExp(
        `malla: nats-server cannot listen on 127\\.0\\.0\\.1:${port}: the port is taken; choose another with --port`,
      ),
    );
    const metrics = line.run(["up", "--port", "-1", "--metrics-port", String(port)]);
    assert.equal(metrics.code, 1);
    assert.match(
      metrics.stderr,
      new RegExp(`malla: metrics port 127\\.0\\.0\\.1:${port} is taken: choose another with --metrics-port`),
    );
  } finally {
    taken.close();
  }
  assert.equal(line.run(["up", "--port", "http"]).code, 2);
  assert.equal(line.run(["up", "--routers", "0"]).code, 2);
});
