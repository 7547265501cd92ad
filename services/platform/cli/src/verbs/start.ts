// `malla start`, which is `npm start`: the mesh, the shop, people who shop, and a view of it all.
import { credentialsFile, type Keys, writeCredentials } from "@malla/broker-config";
import type { Command } from "commander";
import { Failure, misuse } from "../failure.ts";
import { addCounts, type CallCounts, quantileMs, totalCounts } from "../live/call-counts.ts";
import { Collector } from "../live/collector.ts";
import { Presence } from "../live/presence.ts";
import { serviceRows } from "../live/rows.ts";
import { Screen } from "../live/screen.ts";
import { renderLine, renderView } from "../live/view.ts";
import { checkTogether, readDocuments, toStored, withDocuments } from "../mesh/read-documents.ts";
import { author, openObserver, openPolicy } from "../mesh/session.ts";
import { type MeshProcesses, startMesh } from "../processes/mesh-processes.ts";
import { meshOptions, type UpFlags, untilSignal, upFlags } from "./up.ts";
import { example } from "./verb.ts";

/** How often the routers are asked, in ms. */
const SCRAPE_MS = 1_000;
/** How often a line is printed without a terminal, in ms. */
const LINE_MS = 2_000;
const KEPT_EVENTS = 200;
/** Of a thousand calls the mesh may lose one. */
const MAX_FAILED_SHARE = 0.001;

interface StartFlags extends UpFlags {
  readonly for?: string;
  readonly json?: boolean;
}

type Shop = typeof import("@malla/shop");

export function addStart(program: Command): void {
  const command = program
    .command("start")
    .description("start the mesh and the example shop under load, with a live view (npm start)");
  upFlags(command, "2")
    .option("--for <time>", "end by itself after this time of load, as 20s or 2m")
    .option("--json", "print the summary as one JSON object, as the last line");
  example(command, "npm start -- --for 20s --json");
  command.action(async (flags: StartFlags) => {
    process.exitCode = await start(flags);
  });
}

/** `20s`, `2m`, `500ms`, or a bare number of seconds, in ms. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  const unit = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[match?.[2] ?? "s"] ?? 1_000;
  const value = match === null ? Number.NaN : Number(match[1]) * unit;
  if (!(value > 0)) throw misuse(`--for ${text}: a time as 20s, 2m or 500ms is expected`);
  return value;
}

async function start(flags: StartFlags): Promise<number> {
  const forMs = flags.for === undefined ? undefined : parseDuration(flags.for);
  const shop = await loadShop();
  const events: string[] = [];
  const screen = process.stdout.isTTY && flags.json !== true ? new Screen(process.stdout) : undefined;
  let onScreen = false;
  const say = (line: string): void => {
    events.push(`${new Date().toTimeString().slice(0, 8)}  ${line}`);
    if (events.length > KEPT_EVENTS) events.shift();
    if (!onScreen) process.stderr.write(`${line}\n`);
  };
  const options = meshOptions(flags);
  const mesh = await startMesh({ ...options, say, log: (name, line) => say(`[${name}] ${readableLog(line)}`) });
  // Ctrl-C while the shop is coming up ends everything as well.
  const stopped = untilSignal();
  let presence: Presence | undefined;
  let closeObserver: () => Promise<void> = async () => undefined;
  try {
    const observer = await openObserver({ servers: mesh.natsUrl });
    closeObserver = async () => observer.close();
    presence = new Presence({ broker: observer, onEvent: say });
    await applyShopPolicy(shop, mesh);
    await startShop(shop, mesh, options.home);
    await Promise.race([shopReady(shop, presence), stopped]);
    const collector = new Collector(mesh.routers);
    await collector.scrape();
    const before = copyCounts(collector.sums());
    const startedAt = performance.now();
    await startLoad(shop, mesh, options.home);
    say("the shop is open");
    if (screen !== undefined) {
      screen.enter();
      onScreen = true;
    }
    const view = watch({ collector, presence, events, screen, startedAt, natsUrl: mesh.natsUrl });
    await Promise.race([
      stopped,
      quitKey(),
      ...(forMs === undefined ? [] : [new Promise<void>((resolve) => void setTimeout(resolve, forMs).unref())]),
    ]);
    clearInterval(view);
    screen?.leave();
    onScreen = false;
    await collector.scrape();
    return report(before, collector.sums(), (performance.now() - startedAt) / 1000, flags.json === true);
  } finally {
    screen?.leave();
    onScreen = false;
    process.stderr.write("stopping\n");
    presence?.close();
    await closeObserver();
    await mesh.stop();
  }
}

async function loadShop(): Promise<Shop> {
  try {
    return await import("@malla/shop");
  } catch {
    throw new Failure(
      "the example shop is not here: `malla start` runs in a checkout of Malla; elsewhere use `malla up`",
      1,
    );
  }
}

/** Lines of JSON logs as a person reads them. */
function readableLog(line: string): string {
  try {
    const { level, message, ...facts } = JSON.parse(line) as Record<string, unknown>;
    const { time: _time, pid: _pid, router: _router, ...rest } = facts;
    return `${String(level)}: ${String(message)} ${Object.keys(rest).length === 0 ? "" : JSON.stringify(rest)}`;
  } catch {
    return line;
  }
}

async function applyShopPolicy(shop: Shop, mesh: MeshProcesses): Promise<void> {
  const policy = await openPolicy({ servers: mesh.natsUrl });
  try {
    const base = await policy.store.read();
    const documents = readDocuments([shop.shopPolicies]);
    const names = new Set(documents.map(({ document: { kind, metadata } }) => `${kind}/${metadata.name}`));
    const all = withDocuments(
      base.documents.map(({ document }) => document),
      documents,
      new Date().toISOString(),
    );
    checkTogether(all, documents);
    const put = all.filter(({ kind, metadata }) => names.has(`${kind}/${metadata.name}`)).map(toStored);
    await policy.store.write(base, { put, remove: [], action: "apply the shop's policies" }, author(), policy.seed);
  } finally {
    await policy.close();
  }
}

async function startShop(shop: Shop, mesh: MeshProcesses, home: string): Promise<void> {
  for (const spec of shop.shopProcesses.filter(({ load }) => load !== true)) await startOne(shop, mesh, home, spec);
}

async function startLoad(shop: Shop, mesh: MeshProcesses, home: string): Promise<void> {
  for (const spec of shop.shopProcesses.filter(({ load }) => load === true)) await startOne(shop, mesh, home, spec);
}

async function startOne(
  shop: Shop,
  mesh: MeshProcesses,
  home: string,
  spec: Shop["shopProcesses"][number],
): Promise<void> {
  const credentials = await ensureCredentials(home, mesh.keys, { name: spec.service, role: spec.role });
  const state = spec.state
    ? await ensureCredentials(home, mesh.keys, { name: spec.service, role: "application", account: shop.SHOP_ACCOUNT })
    : undefined;
  mesh.run({
    name: spec.name,
    entry: spec.entry,
    callsOnly: spec.load === true,
    env: {
      NATS_CREDS: credentials,
      MALLA_SERVICE: spec.service,
      MALLA_VERSION: spec.version,
      ...(state === undefined ? {} : { SHOP_CREDS: state }),
    },
  });
}

async function ensureCredentials(
  home: string,
  keys: Keys,
  request: { name: string; role: "service" | "micro" | "application"; account?: string },
): Promise<string> {
  await writeCredentials(home, request, keys);
  return credentialsFile(home, request.name, request.account);
}

/** Until every service of the shop has announced itself. */
async function shopReady(shop: Shop, presence: Presence): Promise<void> {
  const wanted = new Set(
    shop.shopProcesses.filter(({ load, role }) => load !== true && role === "service").map(({ service }) => service),
  );
  const giveUpAt = Date.now() + 60_000;
  for (;;) {
    const missing = [...wanted].filter((service) => (presence.registry.service(service)?.serving.length ?? 0) === 0);
    if (missing.length === 0) return;
    if (Date.now() > giveUpAt)
      throw new Failure(`these services of the shop did not come up within a minute: ${missing.join(", ")}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

interface Watched {
  readonly collector: Collector;
  readonly presence: Presence;
  readonly events: readonly string[];
  readonly screen: Screen | undefined;
  readonly startedAt: number;
  readonly natsUrl: string;
}

/** Redraws every second on a terminal; prints a line every other second without one. */
function watch({ collector, presence, events, screen, startedAt, natsUrl }: Watched): NodeJS.Timeout {
  const everyMs = screen === undefined ? LINE_MS : SCRAPE_MS;
  let last = copyCounts(collector.sums());
  let lastAt = performance.now();
  let busy = false;
  const tick = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    await collector.scrape();
    const now = copyCounts(collector.sums());
    const at = performance.now();
    const rows = serviceRows(last, now, (at - lastAt) / 1000, presence.registry);
    last = now;
    lastAt = at;
    busy = false;
    if (screen === undefined) {
      process.stderr.write(`${renderLine(rows, (at - startedAt) / 1000)}\n`);
      return;
    }
    const title = `Malla  ·  ${natsUrl}  ·  ${[...presence.routers.all()].length} routers  ·  ${((at - startedAt) / 1000).toFixed(0)} s`;
    const hint =
      "q or Ctrl-C ends it all  ·  elsewhere: npx malla services | call catalog list '{}' | apply -f … | check";
    screen.draw((columns, lines) => renderView({ title, rows, events, hint }, columns, lines));
  };
  return setInterval(() => void tick(), everyMs);
}

/** Resolves when `q` or Ctrl-C is pressed on a terminal in raw mode; never without one. */
async function quitKey(): Promise<void> {
  const { stdin } = process;
  if (!stdin.isTTY || !process.stdout.isTTY) return await new Promise(() => undefined);
  stdin.setRawMode(true);
  await new Promise<void>((resolve) => {
    stdin.on("data", (data: Buffer) => {
      if (data.includes("q") || data.includes(3)) resolve();
    });
  });
  stdin.setRawMode(false);
  stdin.pause();
}

function copyCounts(counts: CallCounts): CallCounts {
  return addCounts(new Map(), counts);
}

/** Prints the summary and returns the exit code: 0 only if the mesh lost at most one call in a thousand. */
function report(before: CallCounts, after: CallCounts, seconds: number, json: boolean): number {
  const summary = summarise(before, after, seconds);
  if (json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else {
    const { calls, succeeded, refused, failed, retries, callsPerSecond, p50Ms, p99Ms } = summary;
    process.stdout.write(
      `${calls} calls in ${summary.durationSeconds} s (${callsPerSecond}/s): ${succeeded} succeeded, ${refused} refused by the shop, ${failed} failed, ${retries} retries; p50 ${p50Ms} ms, p99 ${p99Ms} ms\n`,
    );
  }
  return summary.calls > 0 && summary.failed <= summary.calls * MAX_FAILED_SHARE ? 0 : 1;
}

export interface Summary {
  readonly durationSeconds: number;
  readonly calls: number;
  readonly succeeded: number;
  readonly refused: number;
  readonly failed: number;
  readonly retries: number;
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly services: Readonly<
    Record<string, { readonly calls: number; readonly failed: number; readonly p99Ms: number }>
  >;
}

export function summarise(before: CallCounts, after: CallCounts, seconds: number): Summary {
  const delta = addCounts(copyCounts(after), before, -1);
  const total = totalCounts(delta);
  return {
    durationSeconds: round(seconds),
    calls: total.calls,
    succeeded: total.calls - total.refused - total.failed,
    refused: total.refused,
    failed: total.failed,
    retries: total.retries,
    callsPerSecond: Math.round(total.calls / seconds),
    p50Ms: round(quantileMs(total.buckets, 0.5)),
    p99Ms: round(quantileMs(total.buckets, 0.99)),
    services: Object.fromEntries(
      [...delta]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([service, counts]) => [
          service,
          { calls: counts.calls, failed: counts.failed, p99Ms: round(quantileMs(counts.buckets, 0.99)) },
        ]),
    ),
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
