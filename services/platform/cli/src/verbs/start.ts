// `malla start`, which is `npm start`: the mesh, the shop, people who shop, and a view of it all.
import type { Command } from "commander";
import { parseDuration } from "../duration.ts";
import { addCounts } from "../live/call-counts.ts";
import { Collector } from "../live/collector.ts";
import { EventLines } from "../live/event-lines.ts";
import { LiveView } from "../live/live-view.ts";
import { Presence } from "../live/presence.ts";
import { Screen } from "../live/screen.ts";
import { isGood, summarise, summaryLine } from "../live/summary.ts";
import { openObserver } from "../mesh/session.ts";
import { painter } from "../print/colour.ts";
import { type MeshProcesses, startMesh } from "../processes/mesh-processes.ts";
import { applyShopPolicy, loadShop, type Shop, startLoad, startShop } from "../processes/shop-processes.ts";
import { meshOptions, type UpFlags, untilSignal, upFlags } from "./up.ts";
import { example } from "./verb.ts";

interface StartFlags extends UpFlags {
  readonly for?: string;
  readonly json?: boolean;
}

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

async function start(flags: StartFlags): Promise<number> {
  const forMs = flags.for === undefined ? undefined : parseDuration("--for", flags.for);
  const options = meshOptions(flags);
  const shop = await loadShop();
  const screen = process.stdout.isTTY && flags.json !== true ? new Screen(process.stdout) : undefined;
  const events = new EventLines(screen, process.stderr);
  const mesh = await startMesh({ ...options, say: events.say, log: events.log });
  // Ctrl-C while the shop is coming up ends everything as well.
  const stopped = untilSignal();
  try {
    return await withPresence(mesh, events, async (presence) => {
      await applyShopPolicy(shop, mesh);
      await Promise.race([startShop(shop, mesh, options.home, presence), stopped]);
      return await underLoad({ shop, mesh, home: options.home, presence, events, screen, stopped, forMs, flags });
    });
  } finally {
    process.stderr.write("stopping\n");
    await mesh.stop();
  }
}

async function withPresence<Result>(
  mesh: MeshProcesses,
  events: EventLines,
  work: (presence: Presence) => Promise<Result>,
): Promise<Result> {
  const observer = await openObserver({ servers: mesh.natsUrl });
  const presence = new Presence({ broker: observer, onEvent: events.say, askPlain: true });
  try {
    return await work(presence);
  } finally {
    presence.close();
    await observer.close();
  }
}

interface LoadOptions {
  readonly shop: Shop;
  readonly mesh: MeshProcesses;
  readonly home: string;
  readonly presence: Presence;
  readonly events: EventLines;
  readonly screen: Screen | undefined;
  readonly stopped: Promise<void>;
  /** Undefined: until somebody ends it. */
  readonly forMs: number | undefined;
  readonly flags: StartFlags;
}

/** Lets people shop until the time is up or somebody ends it; prints the summary and returns the exit code. */
async function underLoad(options: LoadOptions): Promise<number> {
  const { shop, mesh, home, presence, events, screen, stopped, forMs, flags } = options;
  const collector = new Collector(mesh.routers);
  await collector.scrape();
  const before = addCounts(new Map(), collector.sums());
  const startedAtMs = performance.now();
  await startLoad(shop, mesh, home);
  events.say("the shop is open");
  const view = new LiveView({
    collector,
    presence,
    natsUrl: mesh.natsUrl,
    processes: () => mesh.processes().map(({ name, pid }) => ({ name, pid: pid() })),
    events: events.lines,
    screen,
    paint: painter(process.stdout, process.env),
    print: (line) => void process.stderr.write(`${line}\n`),
  });
  view.start();
  await Promise.race([stopped, quitKey(screen), after(forMs)]);
  await view.stop();
  await collector.scrape();
  const summary = summarise(before, collector.sums(), (performance.now() - startedAtMs) / 1000);
  process.stdout.write(`${flags.json === true ? JSON.stringify(summary) : summaryLine(summary)}\n`);
  return isGood(summary) ? 0 : 1;
}

async function after(ms: number | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    if (ms !== undefined) setTimeout(resolve, ms);
  });
}

/** Resolves when `q` or Ctrl-C is pressed on a terminal in raw mode; never without one. */
async function quitKey(screen: Screen | undefined): Promise<void> {
  const { stdin } = process;
  if (!stdin.isTTY || screen === undefined) return await new Promise(() => undefined);
  stdin.setRawMode(true);
  await new Promise<void>((resolve) => {
    stdin.on("data", (data: Buffer) => {
      if (data.includes("q") || data.includes(3)) resolve();
    });
  });
  stdin.setRawMode(false);
  stdin.pause();
}
