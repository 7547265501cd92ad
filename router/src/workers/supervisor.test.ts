import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { healthText } from "@malla/sdk/telemetry";
import { RecordedTelemetry } from "@malla/sdk/testing";
import type { WorkerEvents, WorkerProcess } from "./fork-worker.ts";
import { SILENT_MS, STOP_MS, Supervisor } from "./supervisor.ts";
import type { FromWorker, ToWorker } from "./worker-messages.ts";
import { ANSWER_MS } from "./worker-metrics.ts";

beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => mock.timers.reset());

interface FakeWorker extends WorkerProcess {
  readonly said: ToWorker[];
  readonly killed: NodeJS.Signals[];
  say(message: FromWorker): void;
  end(how: string): void;
}

function world(workers = 2) {
  const forked: FakeWorker[] = [];
  const telemetry = new RecordedTelemetry();
  let now = 0;
  const fork = ({ onMessage, onEnd }: WorkerEvents): WorkerProcess => {
    const said: ToWorker[] = [];
    const killed: NodeJS.Signals[] = [];
    const worker: FakeWorker = {
      pid: 100 + forked.length,
      said,
      killed,
      send: (message) => void said.push(message),
      kill: (signal) => void killed.push(signal),
      say: onMessage,
      end: onEnd,
    };
    forked.push(worker);
    return worker;
  };
  const supervisor = new Supervisor({
    workers,
    options: { logLevel: "warn" },
    fork,
    log: telemetry.log,
    nowMs: () => now,
  });
  return {
    supervisor,
    forked,
    telemetry,
    pass: (ms: number) => {
      now += ms;
      mock.timers.tick(ms);
    },
    ready: (index: number) => {
      const worker = forked[index] ?? assert.fail(`no worker ${index}`);
      worker.say({ type: "health", checks: [{ name: "connection", ok: true }] });
      worker.say({ type: "ready", router: `router-${index}` });
      return worker;
    },
    settle: async () => await new Promise((resolve) => setImmediate(resolve)),
  };
}

async function running() {
  const w = world();
  const started = w.supervisor.start();
  w.ready(0);
  w.ready(1);
  await started;
  return w;
}

const isReady = (supervisor: Supervisor): boolean => supervisor.checks().every(({ ok }) => ok);
const isAlive = (supervisor: Supervisor): boolean => supervisor.checks().every(({ ok, live }) => ok || live !== true);

test("it has started when every worker carries calls, each told the same", async () => {
  const w = world();
  let started = false;
  const starting = w.supervisor.start().then(() => (started = true));
  w.ready(0);
  await w.settle();
  assert.ok(!started && isReady(w.supervisor), "one is enough to be ready, not to have started");
  w.ready(1);
  await starting;
  for (const { said } of w.forked) assert.deepEqual(said, [{ type: "start", options: { logLevel: "warn" } }]);
  assert.deepEqual(w.supervisor.routers, ["router-0", "router-1"]);
});

test("one that cannot start ends the others, and what it said is the reason", async () => {
  const w = world();
  const started = w.supervisor.start();
  const [first, second] = w.forked as [FakeWorker, FakeWorker];
  first.say({ type: "failed", message: "no signer" });
  first.end("ended with code 1");
  await w.settle();
  assert.deepEqual(second.said.at(-1), { type: "drain" });
  second.end("ended with code 0");
  await assert.rejects(started, /^Error: no signer$/);
  w.pass(60_000);
  assert.equal(w.forked.length, 2);
});

test("one that dies is started again, ever later, and anew once it was well; the log says so", async () => {
  const w = await running();
  const waits: number[] = [];
  const dieAgain = (): void => {
    const before = w.forked.length;
    w.forked.at(-1)?.end("was ended by SIGKILL");
    let waited = 0;
    while (w.forked.length === before && waited < 20_000) {
      w.pass(100);
      waited += 100;
    }
    waits.push(waited);
    w.ready(w.forked.length - 1);
  };
  for (let i = 0; i < 7; i++) dieAgain();
  assert.deepEqual(waits, [200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  w.pass(10_001);
  dieAgain();
  assert.equal(waits.at(-1), 200);
  assert.match(await withAnswers(w, ""), /^mesh_router_worker_restarts_total 8$/m);
  assert.match(JSON.stringify(w.telemetry.lines), /worker 2 was ended by SIGKILL; starting it again/);
});

test("while one is left the whole is ready; without any it is not, and says of each why", async () => {
  const w = await running();
  w.forked[0]?.end("ended with code 1");
  assert.ok(isReady(w.supervisor));
  w.forked[1]?.say({ type: "health", checks: [{ name: "connection", ok: false, why: "not connected to the broker" }] });
  assert.ok(!isReady(w.supervisor) && isAlive(w.supervisor));
  assert.match(
    healthText(w.supervisor.checks()),
    /\[-\] a worker ready: worker 1 is started again soon; worker 2 not connected to the broker/,
  );
});

test("one that says nothing is not ready; where all say nothing only a new start helps", async () => {
  const w = await running();
  w.pass(SILENT_MS + 1);
  w.forked[1]?.say({ type: "health", checks: [] });
  assert.ok(isReady(w.supervisor) && isAlive(w.supervisor));
  w.pass(SILENT_MS + 1);
  assert.ok(!isReady(w.supervisor) && !isAlive(w.supervisor));
});

/** Collects metrics, with what each running worker answers; undefined: it does not. */
async function withAnswers(w: ReturnType<typeof world>, ...texts: readonly (string | undefined)[]): Promise<string> {
  const collecting = w.supervisor.metrics();
  w.forked.slice(-texts.length).forEach((worker, i) => {
    const asked = worker.said.findLast((message) => message.type === "metrics");
    const text = texts[i];
    if (asked?.type === "metrics" && text !== undefined) worker.say({ type: "metrics", ask: asked.ask, text });
  });
  w.pass(ANSWER_MS);
  return await collecting;
}

const counted = (value: number): string => `# HELP x_total X.\n# TYPE x_total counter\nx_total ${value}\n`;

test("one that does not answer holds nobody up, and is shown as it was; what a dead one counted stays", async () => {
  const w = await running();
  assert.match(await withAnswers(w, counted(3), counted(4)), /^x_total 7$/m);
  assert.match(await withAnswers(w, undefined, counted(5)), /^x_total 8$/m);
  w.forked[0]?.end("was ended by SIGKILL");
  assert.match(await withAnswers(w, counted(6)), /^x_total 9$/m);
  w.pass(1_000);
  w.ready(2);
  assert.match(await withAnswers(w, counted(6), counted(1)), /^x_total 10$/m);
});

test("one that dies while it is asked holds nobody up", async () => {
  const w = await running();
  const collecting = w.supervisor.metrics();
  for (const worker of w.forked) worker.end("was ended by SIGKILL");
  assert.match(await collecting, /^mesh_router_workers\{state="not-ready"\} 2$/m);
});

test("draining waits for all, starts nothing again, and kills what does not end", async () => {
  const w = await running();
  let drained = false;
  const draining = w.supervisor.drain().then(() => (drained = true));
  assert.ok(!isReady(w.supervisor));
  for (const { said } of w.forked) assert.deepEqual(said.at(-1), { type: "drain" });
  w.forked[0]?.end("ended with code 0");
  w.pass(STOP_MS - 1);
  await w.settle();
  assert.ok(!drained);
  assert.deepEqual(w.forked[1]?.killed, []);
  w.pass(1);
  assert.deepEqual(w.forked[1]?.killed, ["SIGKILL"]);
  w.forked[1]?.end("was ended by SIGKILL");
  await draining;
  await w.supervisor.drain();
  w.pass(60_000);
  assert.equal(w.forked.length, 2);
});

test("draining while one waits to be started again starts it not", async () => {
  const w = await running();
  w.forked[0]?.end("ended with code 1");
  const draining = w.supervisor.drain();
  w.forked[1]?.end("ended with code 0");
  await draining;
  w.pass(60_000);
  assert.equal(w.forked.length, 2);
});
