// `npm run fuzz`: the long mode. `--inputs N` for each target (default 1,000,000), `--seed S` (default: drawn and printed),
// `--only TEXT` the targets whose name holds it, `--json` one line of JSON at the end, `--replay TARGET:INPUT` one input of
// a finding again. Ends with 1 if anything was found, 2 if it was asked for what there is not.
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { readInput } from "./input-text.ts";
import { printFinding, replay, runTarget, type TargetReport } from "./run-target.ts";
import type { FuzzTarget } from "./target.ts";
import { TARGETS } from "./targets.ts";
import { Watchdog } from "./watchdog.ts";

const DEFAULT_INPUTS = 1_000_000;
const MAX_SEED = 2 ** 31;

interface Wish {
  readonly targets: readonly FuzzTarget[];
  readonly inputs: number;
  readonly seed: number;
  readonly json: boolean;
  readonly replay: string | undefined;
}

function readArguments(args: readonly string[]): Wish {
  const { values } = parseArgs({
    args: [...args],
    options: {
      inputs: { type: "string", default: String(DEFAULT_INPUTS) },
      seed: { type: "string", default: String(randomInt(MAX_SEED)) },
      only: { type: "string", default: "" },
      json: { type: "boolean", default: false },
      replay: { type: "string" },
    },
  });
  const targets = TARGETS.filter(({ name }) => name.includes(values.only));
  if (targets.length === 0)
    throw new Error(`no target holds "${values.only}"; there are ${TARGETS.map(({ name }) => name).join(", ")}`);
  const inputs = Number(values.inputs);
  const seed = Number(values.seed);
  if (!Number.isInteger(inputs) || inputs < 1)
    throw new Error(`--inputs takes a whole number from 1, not ${values.inputs}`);
  if (!Number.isInteger(seed)) throw new Error(`--seed takes a whole number, not ${values.seed}`);
  return { targets, inputs, seed, json: values.json, replay: values.replay };
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function summary({
  target,
  inputs,
  accepted,
  shapes,
  slowestMs,
  heapGrowthBytes,
  durationMs,
  findings,
}: TargetReport): string {
  const perSecond = Math.round((inputs / Math.max(durationMs, 1)) * 1_000);
  return (
    `${findings.length === 0 ? "✔" : "✖"} ${target}: ${inputs} inputs, ${accepted} accepted, ${shapes} shapes, ` +
    `${findings.length} found; slowest ${slowestMs} ms, heap +${(heapGrowthBytes / 2 ** 20).toFixed(1)} MiB, ` +
    `${(durationMs / 1_000).toFixed(1)} s (${perSecond}/s)`
  );
}

async function runAll({ targets, inputs, seed, json }: Wish): Promise<number> {
  const watchdog = new Watchdog();
  const reports: TargetReport[] = [];
  print(`seed ${seed}`);
  for (const target of targets) {
    const report = await runTarget(target, { inputs, seed, watchdog });
    reports.push(report);
    for (const finding of report.findings) print(printFinding(finding, seed));
    print(summary(report));
  }
  await watchdog.close();
  if (json)
    print(
      JSON.stringify({ seed, targets: reports.map(({ findings, ...rest }) => ({ ...rest, found: findings.length })) }),
    );
  return reports.some(({ findings }) => findings.length > 0) ? 1 : 0;
}

async function replayOne(text: string): Promise<number> {
  const colon = text.indexOf(":");
  const target = TARGETS.find(({ name }) => name === text.slice(0, colon));
  if (target === undefined)
    throw new Error(`--replay takes TARGET:INPUT as a finding prints it, not ${text.slice(0, 80)}`);
  try {
    print(`${target.name}: ${await replay(target, readInput(text.slice(colon + 1)))}`);
    return 0;
  } catch (error) {
    print(`${target.name}: ${error instanceof Error ? error.stack : String(error)}`);
    return 1;
  }
}

try {
  const wish = readArguments(process.argv.slice(2));
  process.exitCode = wish.replay === undefined ? await runAll(wish) : await replayOne(wish.replay);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
