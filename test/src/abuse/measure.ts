// What each abuse costs honest callers of another service, as the ratio of their p99 with it and without it:
//
//   npx node --conditions=@malla/source test/src/abuse/measure.ts [--seconds 3] [--rounds 3] [--pause 250] [--times 1] [--rate N] [--only TEXT] [--pin]
//
// The honest service and its caller are one process, the router another, the broker a third; what misuses is in this one, at the
// lowest priority. Who misuses a mesh has a machine of his own, and here he shares one with it: so each round has a third window,
// in which a process that touches no mesh burns the CPU that the attack took of this process, in as many bursts, at the same
// priority. The ratio over that window is what the attack costs beyond a busy neighbour. `--pin` gives this process and that one
// the last core for themselves, and the mesh the others. Where an abuse has a twin (a client that asks for the same and reads it) the
// third window is the twin's. An attack is repeated with a pause (ms) between, for so many seconds a window; `--times` makes its calls by
// so many at once, `--rate` spreads a flood to so many messages a second. The last line is JSON.
//
// A run takes about 3 × rounds × (seconds + 0.5) for each abuse, and longer where the broker has to cut somebody off.
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { eventually, startMesh, type TestRouter } from "../harness/index.ts";
import { ABUSES } from "./abuses.ts";
import { LineProcess } from "./line-process.ts";
import { line, measure, measureOne, type Options, type Parts, pressure, type Row, takeSides } from "./measure-abuse.ts";

const WARM_UP_MS = 3_000;

function readOptions(): Options & { readonly only: string } {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "3" },
      rounds: { type: "string", default: "3" },
      pause: { type: "string", default: "250" },
      times: { type: "string", default: "1" },
      rate: { type: "string" },
      only: { type: "string", default: "" },
      pin: { type: "boolean", default: false },
    },
  });
  return {
    windowMs: Number(values.seconds) * 1000,
    rounds: Number(values.rounds),
    pauseMs: Number(values.pause),
    times: Number(values.times),
    rate: values.rate === undefined ? undefined : Number(values.rate),
    only: values.only,
    pinned: values.pin,
  };
}

const options = readOptions();
// Also opens standard output, which may be a pipe, before the mesh counts what is open.
process.stdout.write(`honest p99 with each abuse; ${await pressure()}\n`);
const mesh = await startMesh({ routerProcesses: true });
const honest = new LineProcess("honest-process", {
  NATS_URL: mesh.url,
  NATS_CREDS: await mesh.credentials("calm"),
  MALLA_SERVICE: "calm",
});
const spinner = new LineProcess("spin-process");
try {
  await Promise.all([honest.hear(), spinner.hear()]);
  await mesh.routersHeard();
  const probe = await mesh.caller("probe");
  await eventually(async () => await probe.call("calm", "echo", {}));
  const [router] = mesh.routers as [TestRouter];
  const pids = { attacker: process.pid, router: router.pid, broker: mesh.broker.pid, honest: honest.pid };
  const parts: Parts = { honest, spinner, pids };
  await takeSides(parts, options.pinned);
  await measure(parts, async () => void (await sleep(WARM_UP_MS)));
  const rows: Row[] = [];
  for (const abuse of ABUSES.filter(({ name }) => name.includes(options.only))) {
    const twin = await abuse.prepareTwin?.(mesh);
    const row = await measureOne(parts, abuse.name, await abuse.prepare(mesh), twin, options);
    rows.push(row);
    process.stdout.write(line(row));
  }
  process.stdout.write(`${JSON.stringify(rows)}\n`);
} finally {
  await Promise.all([honest.stop(), spinner.stop()]);
  await mesh.stop();
}
