// What a routed call costs router and broker in CPU, and so how many a core of each carries. A program, of what is built:
//   node --conditions=@malla/source test/src/scale/calls.ts [--seconds 15] [--concurrency 128] [--bytes 128]
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { cpuMsDuring } from "../abuse/cores.ts";
import { eventually, startLoad, startMesh, type TestRouter } from "../harness/index.ts";

const WARM_UP_MS = 5_000;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "15" },
    concurrency: { type: "string", default: "128" },
    bytes: { type: "string", default: "128" },
  },
});
const payload = Buffer.alloc(Number(values.bytes), "x");
// Also opens standard output, which may be a pipe, before the mesh counts what is open.
process.stdout.write(`routed calls of ${payload.length} bytes, ${values.concurrency} at a time\n`);
const mesh = await startMesh({ routerProcesses: true });
try {
  await mesh.service("echo", { echo: (request: unknown) => request }, { maxInFlight: 1_000 });
  const caller = await mesh.caller("asker");
  await mesh.routersHeard();
  const call = async (): Promise<unknown> => await caller.call("echo", "echo", payload);
  await eventually(call);
  const load = startLoad(Number(values.concurrency), call);
  await sleep(WARM_UP_MS);
  const [router] = mesh.routers as [TestRouter];
  const before = load.calls;
  const pids = { router: router.pid, broker: mesh.broker.pid, ends: process.pid };
  const cpu = await cpuMsDuring(pids, async () => void (await sleep(Number(values.seconds) * 1_000)));
  const calls = load.calls - before;
  const { failures } = await load.stop();
  const micros = (ms: number): number => Math.round((ms * 10_000) / calls) / 10;
  process.stdout.write(
    `${JSON.stringify({
      callsPerSecond: Math.round(calls / Number(values.seconds)),
      failed: failures.length,
      routerMicrosPerCall: micros(cpu.router),
      brokerMicrosPerCall: micros(cpu.broker),
      endsMicrosPerCall: micros(cpu.ends),
    })}\n`,
  );
} finally {
  await mesh.stop();
}
