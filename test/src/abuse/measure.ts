// What each abuse costs honest callers of another service, as the ratio of their p99 with it and without it:
//
//   npx node --conditions=@malla/source test/src/abuse/measure.ts [--seconds 3] [--rounds 3] [--pause 250] [--times 1] [--only TEXT]
//
// The honest service and its caller are one process, the router another, the broker a third; what misuses is in this one, at the
// lowest priority. On few cores all of them share all the same. An attack is repeated with a pause (ms) between, for so many
// seconds a window; `--times` makes its calls by so many at once. The last line is JSON.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { constants, setPriority } from "node:os";
import { createInterface, type Interface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { eventually, startMesh, type TestMesh } from "../harness/index.ts";
import type { Abuse } from "./abuse.ts";
import { ABUSES } from "./abuses.ts";
import type { Measured } from "./honest-process.ts";

const WARM_UP_MS = 3_000;
const SETTLE_MS = 500;

interface Options {
  readonly windowMs: number;
  readonly rounds: number;
  readonly pauseMs: number;
  readonly times: number;
}

interface Row {
  readonly name: string;
  readonly outcome: string;
  readonly attacks: number;
  readonly before: Measured;
  readonly during: Measured;
  readonly ratio: number;
}

/** The honest process: windows are begun and ended by lines. */
class Honest {
  readonly #child;
  readonly #lines: Interface;

  constructor(environment: Readonly<Record<string, string>>) {
    const module = fileURLToPath(new URL("honest-process.ts", import.meta.url));
    const conditions = process.execArgv.filter((argument) => argument.startsWith("--conditions"));
    this.#child = spawn(process.execPath, [...conditions, module], {
      env: { ...process.env, ...environment },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#lines = createInterface({ input: this.#child.stdout });
  }

  async ready(): Promise<void> {
    await once(this.#lines, "line");
  }

  async measure(during: () => Promise<void>): Promise<Measured> {
    this.#child.stdin.write("start\n");
    await during();
    this.#child.stdin.write("stop\n");
    const [line] = (await once(this.#lines, "line")) as [string];
    return JSON.parse(line) as Measured;
  }

  async stop(): Promise<void> {
    const gone = once(this.#child, "close");
    this.#child.stdin.end();
    await gone;
    this.#lines.close();
    this.#child.stdout.destroy();
  }
}

/** Windows with and without it in turn, so that the machine's mood falls on both; of each kind the median counts. */
async function measureOne(mesh: TestMesh, honest: Honest, abuse: Abuse, options: Options): Promise<Row> {
  const { windowMs, rounds, pauseMs, times } = options;
  const attacker = await abuse.prepare(mesh);
  const outcomes = new Set<string>();
  const without: Measured[] = [];
  const during: Measured[] = [];
  let attacks = 0;
  for (let round = 0; round < rounds; round++) {
    without.push(await honest.measure(async () => void (await sleep(windowMs))));
    during.push(
      await honest.measure(async () => {
        const until = performance.now() + windowMs;
        do {
          outcomes.add(await attacker.attack(times));
          attacks++;
          await sleep(pauseMs);
        } while (performance.now() < until);
      }),
    );
    // What an attack left behind is not the next window's.
    await sleep(SETTLE_MS);
  }
  await attacker.close?.();
  const [before, after] = [median(without), median(during)];
  const ratio = Math.round((after.p99Ms / before.p99Ms) * 100) / 100;
  return { name: abuse.name, outcome: [...outcomes].join("; "), attacks, before, during: after, ratio };
}

function median(windows: readonly Measured[]): Measured {
  const middle = (of: (one: Measured) => number): number =>
    windows.map(of).toSorted((a, b) => a - b)[Math.floor(windows.length / 2)] as number;
  const sum = (of: (one: Measured) => number): number => windows.reduce((total, one) => total + of(one), 0);
  return {
    calls: sum(({ calls }) => calls),
    failed: sum(({ failed }) => failed),
    reasons: [...new Set(windows.flatMap(({ reasons }) => reasons))],
    p50Ms: middle(({ p50Ms }) => p50Ms),
    p99Ms: middle(({ p99Ms }) => p99Ms),
  };
}

/** With others at work on the machine the figures are of them: Linux tells how much of the time somebody waited for a core. */
async function pressure(): Promise<string> {
  const text = await readFile("/proc/pressure/cpu", "utf8").catch(() => "");
  const share = /^some .*avg60=([\d.]+)/m.exec(text)?.[1];
  return share === undefined
    ? "the machine's load is unknown"
    : `in the last minute somebody waited for a core ${share} % of the time`;
}

function line({ name, attacks, before, during, ratio, outcome }: Row): string {
  const times = `p50 ${before.p50Ms} → ${during.p50Ms}, p99 ${before.p99Ms} → ${during.p99Ms} ms`;
  return `${String(ratio).padStart(6)} x  ${name}: ${times}, ${during.failed} of ${during.calls} failed${during.reasons.map((reason) => ` (${reason})`).join("")}; ${attacks} times ${outcome}\n`;
}

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "3" },
    rounds: { type: "string", default: "3" },
    pause: { type: "string", default: "250" },
    times: { type: "string", default: "1" },
    only: { type: "string", default: "" },
  },
});
const options: Options = {
  windowMs: Number(values.seconds) * 1000,
  rounds: Number(values.rounds),
  pauseMs: Number(values.pause),
  times: Number(values.times),
};
// Also opens standard output, which may be a pipe, before the mesh counts what is open.
process.stdout.write(`honest p99 with each abuse, as a multiple of that without it; ${await pressure()}\n`);
const mesh = await startMesh({ routerProcesses: true });
const honest = new Honest({
  NATS_URL: mesh.url,
  NATS_CREDS: await mesh.credentials("calm"),
  MALLA_SERVICE: "calm",
});
try {
  await honest.ready();
  await mesh.routersHeard();
  const probe = await mesh.caller("probe");
  await eventually(async () => await probe.call("calm", "echo", {}));
  // Who misuses a mesh has a machine of his own; here he gets what the others leave him.
  setPriority(constants.priority.PRIORITY_LOW);
  await honest.measure(async () => void (await sleep(WARM_UP_MS)));
  const rows: Row[] = [];
  for (const abuse of ABUSES.filter(({ name }) => name.includes(values.only))) {
    const row = await measureOne(mesh, honest, abuse, options);
    rows.push(row);
    process.stdout.write(line(row));
  }
  process.stdout.write(`${JSON.stringify(rows)}\n`);
} finally {
  await honest.stop();
  await mesh.stop();
}
