// A program of a test run with everything it starts: bounded, killed whole, and looked for afterwards.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";

/** Everything a run starts inherits this, so that what is left of it is known from what others run. */
const MARK = "MALLA_TEST_RUN";
/** What is about to end when its test has ended is given so long. */
const GRACE_MS = 3_000;
const LOOK_EVERY_MS = 50;

export interface Ended {
  /** The exit code; nothing if it was ended by a signal or never started. */
  readonly code: number | undefined;
  readonly overran: boolean;
  /** What was still running after it, and had to be killed. */
  readonly leftovers: readonly string[];
}

export interface GroupOptions {
  readonly cwd: string;
  readonly boundMs: number;
  /** Beside what this process has. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Ends it at once, with all it started. */
  readonly signal: AbortSignal;
  readonly onStdout: (text: string) => void;
  readonly onStderr: (text: string) => void;
}

/** Runs a program in a session of its own, without stdin, and resolves when it has ended and nothing of it is left. */
export async function runGroup(command: readonly [string, ...string[]], options: GroupOptions): Promise<Ended> {
  const mark = randomBytes(8).toString("hex");
  const [program, ...args] = command;
  const child = spawn(program, args, {
    cwd: options.cwd,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...testEnvironment(process.env), ...options.environment, [MARK]: mark },
  });
  const kill = (): void => killGroup(child);
  options.signal.addEventListener("abort", kill);
  child.stdout.setEncoding("utf8").on("data", options.onStdout);
  child.stderr.setEncoding("utf8").on("data", options.onStderr);
  let overran = false;
  const bound = setTimeout(() => {
    overran = true;
    kill();
  }, options.boundMs);
  const code = await new Promise<number | undefined>((resolve) => {
    child.once("error", (error) => {
      options.onStderr(`${error.message}\n`);
      resolve(undefined);
    });
    child.once("exit", (status) => resolve(status ?? undefined));
  });
  clearTimeout(bound);
  const wasKilled = overran || options.signal.aborted;
  const leftovers = await endLeftovers(child.pid ?? 0, mark, wasKilled ? 0 : GRACE_MS);
  options.signal.removeEventListener("abort", kill);
  // A process outside the session may hold the pipes; the run is over all the same.
  child.stdout.destroy();
  child.stderr.destroy();
  return { code, overran, leftovers: wasKilled ? [] : leftovers };
}

/** The environment without what would make a test depend on whose shell it was started from. */
export function testEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const foreign = /^(MALLA_(?!NATS_SERVER$)|NATS_|OTEL_|SHOP_|NODE_TEST_CONTEXT$|NODE_OPTIONS$|FORCE_COLOR$)/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !foreign.test(name)));
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // Everything in it has ended already.
  }
}

async function endLeftovers(session: number, mark: string, graceMs: number): Promise<readonly string[]> {
  const untilMs = Date.now() + graceMs;
  let left = findProcesses(session, mark);
  while (left.length > 0 && Date.now() < untilMs) {
    await wait(LOOK_EVERY_MS);
    left = findProcesses(session, mark);
  }
  for (const { pid } of left) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended while we looked.
    }
  }
  return left.map(({ pid, command }) => `process ${pid}: ${command}`);
}

interface FoundProcess {
  readonly pid: number;
  readonly command: string;
}

/** What carries the mark or belongs to the session. Only where the system shows this in /proc; elsewhere nothing is found. */
function findProcesses(session: number, mark: string): readonly FoundProcess[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc").flatMap((entry) => {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    try {
      const [state, , , ownSession] = afterName(readFileSync(`/proc/${pid}/stat`, "utf8"));
      if (state === "Z" || state === "X") return [];
      const isOurs = Number(ownSession) === session || carriesMark(pid, mark);
      return isOurs
        ? [{ pid, command: readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim() }]
        : [];
    } catch {
      return [];
    }
  });
}

/** State, parent, group, session, …: what follows the name, which may itself hold spaces and brackets. */
function afterName(stat: string): readonly string[] {
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function carriesMark(pid: number, mark: string): boolean {
  return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(`${MARK}=${mark}`);
}
