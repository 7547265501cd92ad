// `npm run chaos -- --minutes N --seed S --json`: a world under load, faults by a plan, a verdict. Ends with 0 only if nothing
// happened that may not; 2 if it was asked for what there is not.
import { parseArgs } from "node:util";
import { BROKER_TROUBLES, CLUSTER_TROUBLES, FAULTS, type FaultName, KILLS, TROUBLES } from "./faults.ts";
import { judge, type Verdict } from "./oracle.ts";
import { makePlan } from "./plan.ts";
import { runPlan } from "./run-plan.ts";
import { DEFAULTS, World } from "./world.ts";

const USAGE = `npm run chaos -- [options]
  --minutes N      how long faults go on (default 2)
  --seed S         which faults: the same seed repeats them (default: drawn, and printed)
  --servers 1|3    one broker, or a cluster, which adds ${CLUSTER_TROUBLES.join(", ")} (default 1)
  --broker         with a cluster: ${BROKER_TROUBLES.join(", ")} as well; idempotent calls may fail then
  --rate N         calls a second, whatever becomes of them (default ${DEFAULTS.callsPerSecond})
  --only F,F       only these faults: ${Object.keys(FAULTS).join(", ")}
  --json           end with one line of JSON`;

interface Wish {
  readonly minutes: number;
  readonly seed: number;
  readonly servers: 1 | 3;
  readonly rate: number;
  readonly json: boolean;
  readonly kills: readonly FaultName[];
  readonly troubles: readonly FaultName[];
}

function readArguments(args: readonly string[]): Wish {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: "string", default: "2" },
      seed: { type: "string" },
      servers: { type: "string", default: "1" },
      broker: { type: "boolean", default: false },
      rate: { type: "string", default: String(DEFAULTS.callsPerSecond) },
      only: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  if (values.servers !== "1" && values.servers !== "3") throw new Error("--servers takes 1 or 3");
  const servers = values.servers === "3" ? 3 : 1;
  const only = values.only?.split(",");
  const unknown = only?.filter((name) => !(name in FAULTS)) ?? [];
  if (unknown.length > 0) throw new Error(`no fault ${unknown.join(", ")}`);
  const wanted = (names: readonly FaultName[]): FaultName[] => names.filter((name) => only?.includes(name) ?? true);
  const cluster = servers === 1 ? [] : [...CLUSTER_TROUBLES, ...(values.broker ? BROKER_TROUBLES : [])];
  return {
    minutes: number("--minutes", values.minutes, 0.05, 24 * 60),
    seed: values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : number("--seed", values.seed, 0, 2 ** 32),
    servers,
    rate: number("--rate", values.rate, 1, 100_000),
    json: values.json,
    kills: wanted(KILLS),
    troubles: wanted([...TROUBLES, ...cluster]),
  };
}

function number(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text === "" || !Number.isFinite(value) || value < least || value > most)
    throw new Error(`${flag} takes a number from ${least} to ${most}, not ${text}`);
  return value;
}

async function run({ minutes, seed, servers, rate, json, kills, troubles }: Wish): Promise<number> {
  const durationMs = minutes * 60_000;
  const print = (line: string): void => void process.stderr.write(`${line}\n`);
  print(`seed ${seed}, ${minutes} min, ${servers === 1 ? "one server" : "three servers"}, ${rate} calls/s`);
  const world = await World.start({ print, servers, callsPerSecond: rate, linked: servers === 1 });
  try {
    await world.startLoad();
    const faults = await runPlan(world, makePlan({ seed, durationMs, kills, troubles }), durationMs);
    const verdict = judge(await world.stopLoad());
    report(verdict, { seed, minutes, faults }, json);
    return isGood(verdict, troubles) ? 0 : 1;
  } finally {
    await world.close();
  }
}

/** Where faults may take a caller's own server away, its idempotent calls may fail; nothing else may ever happen. */
function isGood(verdict: Verdict, troubles: readonly FaultName[]): boolean {
  const { idempotentFailed, ranTwice, lateStarts, hung, madeUp } = verdict;
  const mayFail = troubles.some((fault) => BROKER_TROUBLES.includes(fault));
  return [ranTwice, lateStarts, hung, madeUp, mayFail ? [] : idempotentFailed].every(({ length }) => length === 0);
}

function report(verdict: Verdict, run: object, json: boolean): void {
  const { idempotentFailed, ranTwice, lateStarts, hung, madeUp, ...rest } = verdict;
  const found = { idempotentFailed, ranTwice, lateStarts, hung, madeUp };
  for (const [name, ids] of Object.entries(found))
    for (const id of ids.slice(0, 10)) process.stderr.write(`${name}: ${id}\n`);
  const counts = Object.fromEntries(Object.entries(found).map(([name, ids]) => [name, ids.length]));
  const line = { ...run, ...rest, ...counts };
  process.stdout.write(`${json ? JSON.stringify(line) : JSON.stringify(line, null, 2)}\n`);
}

try {
  process.exitCode = await run(readArguments(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`);
  process.exitCode = 2;
}
