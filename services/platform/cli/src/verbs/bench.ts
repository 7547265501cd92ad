// `malla bench`: load on one method of a service of one's own, and how fast it answers.
import { connect, type Mesh, MeshError } from "@malla/sdk";
import type { Command } from "commander";
import { type Call, type LoadResult, type LoadSummary, runClosedLoop, runOpenLoop, summarise } from "../bench/index.ts";
import { parseDuration } from "../duration.ts";
import { Failure, misuse } from "../failure.ts";
import { requireHome } from "../home.ts";
import { checkNamespace, credentialsPath, type MeshFlags, natsUrl } from "../mesh/session.ts";
import { plainJson, plainText } from "../print/plain-text.ts";
import { formatTable } from "../print/table.ts";
import { describeMeshError, parseRequest } from "./call.ts";
import { example, meshFlags } from "./verb.ts";

interface BenchFlags extends MeshFlags {
  readonly as: string;
  readonly concurrency?: string;
  readonly rate?: string;
  readonly for: string;
  readonly warmUp: string;
  readonly timeout?: string;
  readonly output?: string;
}

const DEFAULT_CONCURRENCY = 16;
const MOST_CONCURRENT = 10_000;
const MOST_A_SECOND = 1_000_000;

export function addBench(program: Command): void {
  const command = program
    .command("bench")
    .description("put load on a method and print how fast it answers; exits with 1 if a call failed")
    .argument("<service>")
    .argument("<method>")
    .argument("[json]", "the request", "{}")
    .option("--concurrency <n>", `so many calls at a time, each followed by the next (default: ${DEFAULT_CONCURRENCY})`)
    .option("--rate <n>", "instead: so many calls a second, each timed from when it was due")
    .option("--for <time>", "how long calls are counted", "10s")
    .option("--warm-up <time>", "how long calls are made before that", "2s")
    .option("--as <principal>", "whose credentials to use", "guest")
    .option("--timeout <time>", "of a call, as 2s or 500ms (default: 10s)")
    .option("-o, --output <format>", "json: the numbers as one line of JSON");
  example(
    meshFlags(command),
    'malla bench catalog list\nmalla bench orders create \'{"sku":"p1"}\' --as storefront --concurrency 128 --for 30s\nmalla bench catalog list --rate 2000 -o json',
  );
  command.action(async (service: string, method: string, json: string, flags: BenchFlags) => {
    checkNamespace(flags);
    const wish = readWish(flags);
    const request = parseRequest(json);
    const home = requireHome();
    const credentials = credentialsPath(home, flags.as);
    const mesh = await connect({ credentials, service: flags.as, servers: natsUrl(flags, home), drainOn: [] });
    try {
      report(await load(mesh, { service, method, request }, wish), wish);
    } finally {
      await mesh.close();
    }
  });
}

interface Wish {
  readonly concurrency: number;
  /** Calls a second; undefined: a closed loop. */
  readonly rate: number | undefined;
  readonly durationMs: number;
  readonly warmUpMs: number;
  readonly timeoutMs: number | undefined;
  readonly isJson: boolean;
}

function readWish(flags: BenchFlags): Wish {
  if (flags.output !== undefined && flags.output !== "json") throw misuse(`-o ${flags.output}: json is expected`);
  if (flags.rate !== undefined && flags.concurrency !== undefined)
    throw misuse("--rate and --concurrency are two kinds of load; give one of them");
  return {
    concurrency: number("--concurrency", flags.concurrency, MOST_CONCURRENT) ?? DEFAULT_CONCURRENCY,
    rate: number("--rate", flags.rate, MOST_A_SECOND),
    durationMs: parseDuration("--for", flags.for),
    warmUpMs: parseDuration("--warm-up", flags.warmUp),
    timeoutMs: flags.timeout === undefined ? undefined : parseDuration("--timeout", flags.timeout),
    isJson: flags.output === "json",
  };
}

function number(flag: string, text: string | undefined, most: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text !== "" && Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw misuse(`${flag} ${text}: a whole number from 1 to ${most} is expected`);
}

interface Target {
  readonly service: string;
  readonly method: string;
  readonly request: unknown;
}

/** One call first, so that what can never work says so at once. */
async function load(mesh: Mesh, { service, method, request }: Target, wish: Wish): Promise<LoadResult> {
  const { concurrency, rate, durationMs, warmUpMs, timeoutMs } = wish;
  const options = timeoutMs === undefined ? {} : { timeoutMs };
  try {
    await mesh.call(service, method, request, options);
  } catch (error) {
    if (error instanceof MeshError) throw new Failure(`the first call failed: ${describeMeshError(error)}`);
    throw error instanceof TypeError ? misuse(error.message) : error;
  }
  const call: Call = (done) => void mesh.call(service, method, request, options).then(() => done(), done);
  const shared = { call, warmUpMs, durationMs, ...(timeoutMs === undefined ? {} : { drainMs: timeoutMs + 1_000 }) };
  return rate === undefined ? await runClosedLoop({ ...shared, concurrency }) : await runOpenLoop({ ...shared, rate });
}

function report(result: LoadResult, { isJson, rate, concurrency }: Wish): void {
  const summary = summarise(result);
  const how = rate === undefined ? { concurrency } : { rate };
  process.stdout.write(isJson ? `${plainJson(JSON.stringify({ ...how, ...summary }))}\n` : `${tableOf(summary)}\n`);
  if (summary.calls === 0) throw new Failure("no call ended while calls were counted; count for longer with --for");
  if (summary.failed === 0) return;
  const { firstError: error } = result;
  const why = error instanceof MeshError ? describeMeshError(error) : plainText(String(error));
  throw new Failure(`${summary.failed} of ${summary.calls} calls failed; the first: ${why}`);
}

/** The numbers for people; times in ms. */
export function tableOf({ calls, failed, callsPerSecond, p50Ms, p99Ms, p999Ms, maxMs }: LoadSummary): string {
  return formatTable(
    ["CALLS", "FAILED", "CALLS/S", "P50 MS", "P99 MS", "P99.9 MS", "MAX MS"],
    [
      [
        String(calls),
        String(failed),
        callsPerSecond.toFixed(callsPerSecond < 100 ? 1 : 0),
        ...[p50Ms, p99Ms, p999Ms, maxMs].map((ms) => ms.toFixed(3)),
      ],
    ],
  );
}
