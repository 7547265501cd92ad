// What each abuse costs honest callers of another service, as the ratio of their p99 with it and without it:
//
//   npx node --conditions=@malla/source test/src/abuse/measure.ts [--seconds 3] [--rounds 3] [--pause 250] [--times 1] [--only TEXT] [--pin]
//
// The honest service and its caller are one process, the router another, the broker a third; what misuses is in this one, at the
// lowest priority. Who misuses a mesh has a machine of his own, and here he shares one with it: so each round has a third window,
// in which a process that touches no mesh burns the CPU that the attack took of this process, in as many bursts, at the same
// priority. The ratio over that window is what the attack costs beyond a busy neighbour. `--pin` gives this process and that one
// the last core for themselves, and the mesh the others. An attack is repeated with a pause (ms) between, for so many seconds a
// window; `--times` makes its calls by so many at once. The last line is JSON.
//
// A run takes about 3 × rounds × (seconds + 0.5) for each abuse, and longer where the broker has to cut somebody off.
import { readFile } from "node:fs/promises";
import { constants, setPriority } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { eventually, startMesh, type TestMesh, type TestRouter } from "../harness/index.ts";
import type { Abuse, Attacker } from "./abuse.ts";
import { ABUSES } from "./abuses.ts";
import { cpuMsDuring, pin, twoSides } from "./cores.ts";
import type { Measured } from "./honest-process.ts";
import { LineProcess } from "./line-process.ts";

const WARM_UP_MS = 3_000;
const SETTLE_MS = 500;

interface Options {
  readonly windowMs: number;
  readonly rounds: number;
  readonly pauseMs: number;
  readonly times: number;
  readonly pinned: boolean;
}

/** Who the CPU of a window went to. */
type Party = "attacker" | "router" | "broker" | "honest";
type CpuMs = Readonly<Record<Party, number>>;

/** One window. */
interface Window {
  readonly measured: Measured;
  readonly cpuMs: CpuMs;
  readonly lastedMs: number;
}

interface AttackWindow extends Window {
  readonly attacks: number;
  readonly outcomes: readonly string[];
}

interface Row {
  readonly name: string;
  readonly outcome: string;
  readonly attacks: number;
  readonly quiet: Measured;
  readonly control: Measured;
  readonly during: Measured;
  /** Of their p99 to that in quiet. */
  readonly ratio: number;
  /** To that with a neighbour as busy as the attacker. */
  readonly overControl: number;
  /** What one attack took beyond what honest work takes in that time. */
  readonly cpuMsAnAttack: CpuMs;
}

interface Parts {
  readonly mesh: TestMesh;
  readonly honest: LineProcess;
  readonly spinner: LineProcess;
  readonly pids: Readonly<Record<Party, number>>;
}

async function measure({ honest, pids }: Parts, during: () => Promise<void>): Promise<Window> {
  const startedAtMs = performance.now();
  let measured: Measured | undefined;
  const cpuMs = await cpuMsDuring(pids, async () => {
    honest.tell("start");
    await during();
    honest.tell("stop");
    measured = JSON.parse(await honest.hear()) as Measured;
  });
  return { measured: measured as unknown as Measured, cpuMs, lastedMs: performance.now() - startedAtMs };
}

async function attackFor(parts: Parts, attacker: Attacker, options: Options): Promise<AttackWindow> {
  const { windowMs, pauseMs, times } = options;
  const outcomes: string[] = [];
  const window = await measure(parts, async () => {
    const until = performance.now() + windowMs;
    do {
      outcomes.push(await attacker.attack(times));
      await sleep(pauseMs);
    } while (performance.now() < until);
  });
  return { ...window, attacks: outcomes.length, outcomes };
}

/** As much CPU as the attack took, in as many bursts over as long a time. */
async function controlFor(parts: Parts, { cpuMs, attacks, lastedMs }: AttackWindow): Promise<Window> {
  const burst = cpuMs.attacker / attacks;
  return await measure(parts, async () => {
    const startedAtMs = performance.now();
    for (let n = 1; n <= attacks; n++) {
      parts.spinner.tell(String(burst));
      await parts.spinner.hear();
      await sleep(Math.max(0, startedAtMs + (lastedMs * n) / attacks - performance.now()));
    }
  });
}

/** Windows of the three kinds in turn, so that the machine's mood falls on all; of each kind the median counts. */
async function measureOne(parts: Parts, abuse: Abuse, options: Options): Promise<Row> {
  const attacker = await abuse.prepare(parts.mesh);
  const quiet: Window[] = [];
  const during: AttackWindow[] = [];
  const control: Window[] = [];
  for (let round = 0; round < options.rounds; round++) {
    quiet.push(await measure(parts, async () => void (await sleep(options.windowMs))));
    const attack = await attackFor(parts, attacker, options);
    during.push(attack);
    // What an attack left behind is not the next window's.
    await sleep(SETTLE_MS);
    control.push(await controlFor(parts, attack));
    await sleep(SETTLE_MS);
  }
  await attacker.close?.();
  const [before, after, beside] = [median(quiet), median(during), median(control)];
  return {
    name: abuse.name,
    outcome: [...new Set(during.flatMap(({ outcomes }) => outcomes))].join("; "),
    attacks: during.reduce((sum, { attacks }) => sum + attacks, 0),
    quiet: before,
    control: beside,
    during: after,
    ratio: hundredths(after.p99Ms / before.p99Ms),
    overControl: hundredths(after.p99Ms / beside.p99Ms),
    cpuMsAnAttack: cpuMsAnAttack(quiet, during),
  };
}

function cpuMsAnAttack(quiet: readonly Window[], during: readonly AttackWindow[]): CpuMs {
  const total = (windows: readonly Window[], of: (window: Window) => number): number =>
    windows.reduce((sum, window) => sum + of(window), 0);
  const attacks = during.reduce((sum, window) => sum + window.attacks, 0);
  const share = total(during, ({ lastedMs }) => lastedMs) / total(quiet, ({ lastedMs }) => lastedMs);
  const of = (party: Party): number =>
    Math.round(
      (total(during, ({ cpuMs }) => cpuMs[party]) - total(quiet, ({ cpuMs }) => cpuMs[party]) * share) / attacks,
    );
  return { attacker: of("attacker"), router: of("router"), broker: of("broker"), honest: of("honest") };
}

function median(windows: readonly Window[]): Measured {
  const all = windows.map(({ measured }) => measured);
  const middle = (of: (one: Measured) => number): number =>
    all.map(of).toSorted((a, b) => a - b)[Math.floor(all.length / 2)] as number;
  const sum = (of: (one: Measured) => number): number => all.reduce((total, one) => total + of(one), 0);
  return {
    calls: sum(({ calls }) => calls),
    failed: sum(({ failed }) => failed),
    reasons: [...new Set(all.flatMap(({ reasons }) => reasons))],
    p50Ms: middle(({ p50Ms }) => p50Ms),
    p99Ms: middle(({ p99Ms }) => p99Ms),
  };
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}

/** With others at work on the machine the figures are of them: Linux tells how much of the time somebody waited for a core. */
async function pressure(): Promise<string> {
  const text = await readFile("/proc/pressure/cpu", "utf8").catch(() => "");
  const share = /^some .*avg60=([\d.]+)/m.exec(text)?.[1];
  return share === undefined
    ? "the machine's load is unknown"
    : `in the last minute somebody waited for a core ${share} % of the time`;
}

function line({ name, attacks, quiet, control, during, ratio, overControl, outcome, cpuMsAnAttack: cpu }: Row): string {
  const times = `p99 ${quiet.p99Ms} ms quiet, ${control.p99Ms} control, ${during.p99Ms} attacked (p50 ${quiet.p50Ms}, ${control.p50Ms}, ${during.p50Ms})`;
  const why = during.reasons.map((reason) => ` (${reason})`).join("");
  const cost = `an attack takes ${cpu.attacker} ms of the attacker's CPU, ${cpu.router} of the router's, ${cpu.broker} of the broker's`;
  return `${overControl.toFixed(2).padStart(6)} x control ${ratio.toFixed(2).padStart(6)} x quiet  ${name}: ${times}, ${during.failed} of ${during.calls} failed${why}; ${attacks} times ${outcome}; ${cost}\n`;
}

function readOptions(): Options & { readonly only: string } {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "3" },
      rounds: { type: "string", default: "3" },
      pause: { type: "string", default: "250" },
      times: { type: "string", default: "1" },
      only: { type: "string", default: "" },
      pin: { type: "boolean", default: false },
    },
  });
  return {
    windowMs: Number(values.seconds) * 1000,
    rounds: Number(values.rounds),
    pauseMs: Number(values.pause),
    times: Number(values.times),
    only: values.only,
    pinned: values.pin,
  };
}

/** Who misuses a mesh has a machine of his own; here he gets what the others leave him, and with `--pin` a core. */
async function takeSides({ pids, spinner }: Parts, pinned: boolean): Promise<void> {
  setPriority(constants.priority.PRIORITY_LOW);
  setPriority(spinner.pid, constants.priority.PRIORITY_LOW);
  if (!pinned) return;
  const cores = twoSides();
  for (const pid of [pids.router, pids.broker, pids.honest]) await pin(pid, cores.mesh);
  for (const pid of [pids.attacker, spinner.pid]) await pin(pid, cores.attacker);
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
  const parts: Parts = { mesh, honest, spinner, pids };
  await takeSides(parts, options.pinned);
  await measure(parts, async () => void (await sleep(WARM_UP_MS)));
  const rows: Row[] = [];
  for (const abuse of ABUSES.filter(({ name }) => name.includes(options.only))) {
    const row = await measureOne(parts, abuse, options);
    rows.push(row);
    process.stdout.write(line(row));
  }
  process.stdout.write(`${JSON.stringify(rows)}\n`);
} finally {
  await Promise.all([honest.stop(), spinner.stop()]);
  await mesh.stop();
}
