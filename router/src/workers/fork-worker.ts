// A worker as a process of ours.
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { FromWorker, ToWorker } from "./worker-messages.ts";

/** One process and the channel to it; what the supervisor needs of it, so that tests have others. */
export interface WorkerProcess {
  readonly pid: number;
  /** To one that has ended it is lost. */
  send(message: ToWorker): void;
  kill(signal: NodeJS.Signals): void;
}

export interface WorkerEvents {
  readonly onMessage: (message: FromWorker) => void;
  /** Once; `how` is for people: `ended with code 1`, `was ended by SIGKILL`. */
  readonly onEnd: (how: string) => void;
}

/**
 * Half of Node's young generation would be empty, and be kept all the same: a router's garbage is short-lived and its calls are small.
 * 16 MiB each (the default) are 25 MiB more of resident memory, for no less CPU an announcement.
 */
const MEMORY_FLAG = "--max-semi-space-size=4";

/** Flags of this process that a worker must have too; a debugger's port can be had once. */
function inheritedFlags(): readonly string[] {
  return process.execArgv.filter((flag) => !/^--(inspect|test)/.test(flag));
}

export function forkWorker({ onMessage, onEnd }: WorkerEvents): WorkerProcess {
  const program = new URL(import.meta.url.endsWith(".ts") ? "main.ts" : "main.js", import.meta.url);
  const child: ChildProcess = fork(fileURLToPath(program), [], {
    execArgv: [MEMORY_FLAG, ...inheritedFlags()],
    serialization: "advanced",
    // Its log is ours; what we say on stdout is ours alone.
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  let ended = false;
  const end = (how: string): void => {
    if (!ended) onEnd(how);
    ended = true;
  };
  child.on("message", (message) => onMessage(message as FromWorker));
  child.once("error", (error) => end(error.message));
  child.once("exit", (code, signal) => end(signal === null ? `ended with code ${code}` : `was ended by ${signal}`));
  return {
    pid: child.pid ?? 0,
    send: (message) => {
      if (child.connected) child.send(message, () => undefined);
    },
    kill: (signal) => void child.kill(signal),
  };
}
