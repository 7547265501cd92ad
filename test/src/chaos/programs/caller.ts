// Calls at a fixed rate, whatever becomes of them: an open loop, as users are. Settings come as JSON in SETTINGS; `stop` on its
// standard input ends it when its last call has ended.
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, MeshError } from "@malla/sdk";
import { patiently } from "../../harness/patiently.ts";
import { Journal, nowUs } from "../journal.ts";

export interface CallerSettings {
  readonly caller: string;
  readonly services: readonly string[];
  readonly callsPerSecond: number;
  /** Of a hundred calls, how many may not run twice. */
  readonly writePercent: number;
  readonly timeoutMs: number;
  readonly journal: string;
}

/** How often what is due is sent, in ms. */
const BEAT_MS = 5;
/** A loop that stood still sends at most this much of what it missed, in ms: more would be a flood that no user is. */
const CATCH_UP_MS = 100;
/** A beat later than this by is lag, in ms; what it kept waiting ends within the next beats. */
const LAG_MS = 20;
const LAG_LASTS_MS = 100;
/** Routers announce themselves every second: before that a caller knows none, and none can be asked about its calls. */
const HEAR_ROUTERS_MS = 1_200;

const settings = JSON.parse(process.env.SETTINGS ?? "{}") as CallerSettings;
const journal = new Journal(settings.journal, settings.caller);
const mesh = await patiently(async () => await connect({ drainOn: [] }));
await sleep(HEAR_ROUTERS_MS);

let count = 0;
let open = 0;
let lastBeatMs = performance.now();
let owed = 0;
let lag = { ms: 0, endedMs: 0 };

/** Lags that follow each other are one: the longest of them, of those that ended shortly before `atMs`. */
function recentLagMs(atMs: number): number {
  return atMs - lag.endedMs < LAG_LASTS_MS ? lag.ms : 0;
}

/**
 * How long this process has been kept from running, in µs. A lag that has just ended leaves much that is late, and the last of it waits
 * for all the rest: that comes on top.
 */
function lagUs(): number {
  const now = performance.now();
  const lateMs = now - lastBeatMs - BEAT_MS;
  const overdueMs = lateMs > LAG_MS ? lateMs : 0;
  return Math.round((overdueMs + recentLagMs(now - overdueMs)) * 1000);
}

function call(): void {
  const n = count++;
  const id = `${settings.caller}-${n}`;
  const service = settings.services[n % settings.services.length] as string;
  const kind = (n * 37) % 100 < settings.writePercent ? "write" : "read";
  const atUs = nowUs();
  const deadlineUs = atUs + settings.timeoutMs * 1000;
  journal.sent({ id, service, kind, atUs, deadlineUs });
  open++;
  const end = (outcome: string): void => {
    journal.ended({ id, atUs: nowUs(), outcome, lagUs: lagUs() });
    open--;
  };
  mesh.call(service, kind, { id }, { timeoutMs: settings.timeoutMs }).then(
    () => end("OK"),
    (error: unknown) =>
      end(error instanceof MeshError ? `${error.reason}@${error.origin}` : String(error).replaceAll(/\s/g, "_")),
  );
}

const beat = setInterval(() => {
  const now = performance.now();
  const lateMs = now - lastBeatMs - BEAT_MS;
  if (lateMs > LAG_MS) lag = { ms: Math.max(lateMs, recentLagMs(now - lateMs)), endedMs: now };
  owed += (Math.min(now - lastBeatMs, CATCH_UP_MS) / 1000) * settings.callsPerSecond;
  lastBeatMs = now;
  for (; owed >= 1; owed--) call();
}, BEAT_MS);

async function stop(): Promise<void> {
  clearInterval(beat);
  const giveUpAt = performance.now() + 2 * settings.timeoutMs;
  while (open > 0 && performance.now() < giveUpAt) await sleep(10);
  journal.finished(settings.caller);
  await mesh.close();
  process.exit(0);
}

createInterface({ input: process.stdin })
  .on("line", (line) => {
    if (line === "stop") void stop();
  })
  .on("close", () => process.exit(1));
process.stdout.write(`${JSON.stringify({ pid: process.pid })}\n`);
