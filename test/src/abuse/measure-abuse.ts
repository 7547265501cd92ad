// Honest callers' p99 with an abuse, without it, and beside a control: windows of the three kinds in turn.
import { readFile } from "node:fs/promises";
import { constants, setPriority } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { Attacker } from "./abuse.ts";
import { cpuMsDuring, pin, twoSides } from "./cores.ts";
import type { Measured } from "./honest-process.ts";
import type { LineProcess } from "./line-process.ts";

const SETTLE_MS = 500;

export interface Options {
  readonly windowMs: number;
  readonly rounds: number;
  readonly pauseMs: number;
  readonly times: number;
  /** Messages a second of a flood; undefined: as fast as they can be written. */
  readonly rate: number | undefined;
  readonly pinned: boolean;
}

/** Who the CPU of a window went to. */
export type Party = "attacker" | "router" | "broker" | "honest";
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

export interface Row {
  readonly name: string;
  readonly outcome: string;
  readonly attacks: number;
  readonly quiet: Measured;
  readonly control: Measured;
  readonly during: Measured;
  /** Of their p99 to that in quiet. */
  readonly ratio: number;
  /** To that beside the control: who does the same as he should, or a neighbour as busy as the attacker. */
  readonly overControl: number;
  /** What one attack took beyond what honest work takes in that time. */
  readonly cpuMsAnAttack: CpuMs;
}

export interface Parts {
  readonly honest: LineProcess;
  readonly spinner: LineProcess;
  readonly pids: Readonly<Record<Party, number>>;
}

export async function measure({ honest, pids }: Parts, during: () => Promise<void>): Promise<Window> {
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
  const { windowMs, pauseMs, times, rate } = options;
  const outcomes: string[] = [];
  const window = await measure(parts, async () => {
    const until = performance.now() + windowMs;
    do {
      outcomes.push(await attacker.attack(times, rate));
      await sleep(pauseMs);
    } while (performance.now() < until);
  });
  return { ...window, attacks: outcomes.length, outcomes };
}

/** Who does the same as he should, as often over as long a time. */
async function twinFor(parts: Parts, twin: Attacker, { attacks, lastedMs }: AttackWindow): Promise<Window> {
  return await measure(parts, async () => {
    const startedAtMs = performance.now();
    for (let n = 1; n <= attacks; n++) {
      await twin.attack(1);
      await sleep(Math.max(0, startedAtMs + (lastedMs * n) / attacks - performance.now()));
    }
  });
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
export async function measureOne(
  parts: Parts,
  name: string,
  attacker: Attacker,
  twin: Attacker | undefined,
  options: Options,
): Promise<Row> {
  const quiet: Window[] = [];
  const during: AttackWindow[] = [];
  const control: Window[] = [];
  for (let round = 0; round < options.rounds; round++) {
    quiet.push(await measure(parts, async () => void (await sleep(options.windowMs))));
    const attack = await attackFor(parts, attacker, options);
    during.push(attack);
    // What an attack left behind is not the next window's.
    await sleep(SETTLE_MS);
    control.push(await (twin === undefined ? controlFor(parts, attack) : twinFor(parts, twin, attack)));
    await sleep(SETTLE_MS);
  }
  await attacker.close?.();
  await twin?.close?.();
  const [before, after, beside] = [median(quiet), median(during), median(control)];
  return {
    name,
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
export async function pressure(): Promise<string> {
  const text = await readFile("/proc/pressure/cpu", "utf8").catch(() => "");
  const share = /^some .*avg60=([\d.]+)/m.exec(text)?.[1];
  return share === undefined
    ? "the machine's load is unknown"
    : `in the last minute somebody waited for a core ${share} % of the time`;
}

export function line({
  name,
  attacks,
  quiet,
  control,
  during,
  ratio,
  overControl,
  outcome,
  cpuMsAnAttack: cpu,
}: Row): string {
  const times = `p99 ${quiet.p99Ms} ms quiet, ${control.p99Ms} control, ${during.p99Ms} attacked (p50 ${quiet.p50Ms}, ${control.p50Ms}, ${during.p50Ms})`;
  const why = during.reasons.map((reason) => ` (${reason})`).join("");
  const cost = `an attack takes ${cpu.attacker} ms of the attacker's CPU, ${cpu.router} of the router's, ${cpu.broker} of the broker's`;
  return `${overControl.toFixed(2).padStart(6)} x control ${ratio.toFixed(2).padStart(6)} x quiet  ${name}: ${times}, ${during.failed} of ${during.calls} failed${why}; ${attacks} times ${outcome}; ${cost}\n`;
}

/** Who misuses a mesh has a machine of his own; here he gets what the others leave him, and with `--pin` a core. */
export async function takeSides({ pids, spinner }: Parts, pinned: boolean): Promise<void> {
  setPriority(constants.priority.PRIORITY_LOW);
  setPriority(spinner.pid, constants.priority.PRIORITY_LOW);
  if (!pinned) return;
  const cores = twoSides();
  for (const pid of [pids.router, pids.broker, pids.honest]) await pin(pid, cores.mesh);
  for (const pid of [pids.attacker, spinner.pid]) await pin(pid, cores.attacker);
}
