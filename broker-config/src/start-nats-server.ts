// Starts one nats-server and answers for it: when it is ready, why it is not, and that it ends.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, renameSync, statSync } from "node:fs";
import { open, readdir, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** How long a server may take to accept connections. Recovering large streams is what takes time. */
const START_TIMEOUT_MS = 30_000;
/** How long a server may take to end before it is killed. */
const STOP_TIMEOUT_MS = 10_000;
const POLL_MS = 20;
const GREETING_TIMEOUT_MS = 1_000;
/** A log larger than this is set aside, once, before the server starts. */
const MAX_LOG_BYTES = 16 * 1024 * 1024;
const SHOWN_LOG_LINES = 12;
/** The server calls its ports file after its own name; ours is always called this, whatever the file is. */
const PROCESS_NAME = "nats-server";

/** How a server ended. `expected` if `stop` was called before. */
export interface ServerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly expected: boolean;
  /** The last lines of the log, for whoever reports an unexpected end. */
  readonly lastLines: readonly string[];
}

export interface StartOptions {
  /** Path of nats-server, as `findNatsServer` returns it. */
  readonly binary: string;
  /** As `writeServerConfig` returns it. */
  readonly configPath: string;
  /** Default: `nats-server.log` beside the configuration. Appended to. */
  readonly logFile?: string;
  /** Called once when the process has ended, expected or not, but not for a server that never became ready. */
  readonly onExit?: (exit: ServerExit) => void;
  /** The flag that an error about a taken port tells to use. Default: `--nats-port`. */
  readonly portFlag?: string;
}

export interface RunningServer {
  readonly pid: number;
  /** `nats://host:port` for clients. */
  readonly url: string;
  /** Monitoring, if the configuration has it. */
  readonly httpUrl: string | undefined;
  /** For other servers, if the configuration has a cluster. */
  readonly clusterUrl: string | undefined;
  readonly logFile: string;
  /** Reads the configuration again: new accounts, rotated keys. Clients whose signer is gone are disconnected. */
  reload(): void;
  /** Moves clients away over the lame-duck period, then ends. For a server that is one of several. */
  lameDuck(): void;
  /** Ends the server and resolves when the process is gone; killed after 10 s. May be called again. */
  stop(): Promise<void>;
}

/**
 * Starts a server and resolves once it greets a client. Rejects, with the reason and the log's last lines, if it ends
 * before, is not ready within 30 s, or if another server already runs from the same folder (two would share, and
 * destroy, one store). The server is in a process group of its own: Ctrl-C in a terminal is for the caller to act on.
 */
export async function startNatsServer(options: StartOptions): Promise<RunningServer> {
  const folder = dirname(options.configPath);
  const logFile = options.logFile ?? join(folder, "nats-server.log");
  await refuseSecondServer(folder);
  setAside(logFile);
  const logStart = existsSync(logFile) ? statSync(logFile).size : 0;
  const child = launch(options, logFile);
  const exited: Exited = new Promise((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal, error: undefined }));
    child.once("error", (error) => resolve({ code: null, signal: null, error }));
  });
  const endWithUs = (): void => void child.kill("SIGTERM");
  process.once("exit", endWithUs);
  void exited.then(() => process.off("exit", endWithUs));
  try {
    const ports = await becomeReady(child, exited, folder);
    return running(child, ports, logFile, exited, options.onExit);
  } catch (error) {
    if (await end(child, exited)) await removePortsFile(folder, child.pid);
    throw startError(error as Error, await tail(logFile, logStart), options, logFile);
  }
}

interface Ports {
  readonly nats?: readonly string[];
  readonly monitoring?: readonly string[];
  readonly cluster?: readonly string[];
}

type Exited = Promise<{ code: number | null; signal: NodeJS.Signals | null; error: Error | undefined }>;

function launch(options: StartOptions, logFile: string): ChildProcess {
  const log = openSync(logFile, "a", 0o600);
  try {
    return spawn(options.binary, ["-c", options.configPath], {
      argv0: PROCESS_NAME,
      detached: true,
      stdio: ["ignore", log, log],
    });
  } catch (error) {
    // Most failures to start a program come as an event; some are thrown.
    throw startError(error as Error, [], options, logFile);
  } finally {
    closeSync(log);
  }
}

function running(
  child: ChildProcess,
  ports: Ports,
  logFile: string,
  exited: Exited,
  onExit: StartOptions["onExit"],
): RunningServer {
  let expected = false;
  const done = exited.then(async ({ code, signal }) => {
    const lastLines = await tail(logFile, 0);
    await removePortsFile(dirname(logFile), child.pid);
    onExit?.({ code, signal, expected, lastLines });
  });
  return {
    pid: child.pid as number,
    url: reachable(ports.nats) as string,
    httpUrl: reachable(ports.monitoring),
    clusterUrl: reachable(ports.cluster),
    logFile,
    reload: () => void child.kill("SIGHUP"),
    lameDuck: () => {
      expected = true;
      child.kill("SIGUSR2");
    },
    stop: async () => {
      expected = true;
      await end(child, exited);
      await done;
    },
  };
}

/** Resolves with the ports once the server greets; the ports file is written when all listeners stand. */
async function becomeReady(child: ChildProcess, exited: Exited, folder: string): Promise<Ports> {
  let ended: Error | undefined;
  void exited.then(({ error, code, signal }) => {
    ended = error ?? new Error(`it ended at once (${signal ?? `exit code ${code}`})`);
  });
  const until = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < until) {
    if (ended !== undefined) throw ended;
    const ports = await readPorts(portsFile(folder, child.pid));
    const url = reachable(ports?.nats);
    if (ports !== undefined && url !== undefined && (await greets(url))) return ports;
    await sleep(POLL_MS);
  }
  throw new Error(`it did not accept connections within ${START_TIMEOUT_MS / 1000} s`);
}

/** Ends a process, by force if need be. False if there never was one. */
async function end(child: ChildProcess, exited: Exited): Promise<boolean> {
  if (child.pid === undefined) return false;
  if (child.exitCode !== null || child.signalCode !== null) return true;
  child.kill("SIGTERM");
  const stubborn = new AbortController();
  const killer = sleep(STOP_TIMEOUT_MS, undefined, { signal: stubborn.signal }).then(
    () => void child.kill("SIGKILL"),
    () => undefined,
  );
  await exited;
  stubborn.abort();
  await killer;
  return true;
}

async function refuseSecondServer(folder: string): Promise<void> {
  const names = await readdir(folder);
  for (const name of names) {
    const pid = Number(/^nats-server_(\d+)\.ports$/.exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(pid)) continue;
    const url = reachable((await readPorts(join(folder, name)))?.nats);
    if (isAlive(pid) && url !== undefined && (await greets(url))) {
      throw new Error(`a nats-server (process ${pid}, ${url}) already runs from ${folder}; end it with: kill ${pid}`);
    }
    await rm(join(folder, name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function portsFile(folder: string, pid: number | undefined): string {
  return join(folder, `${PROCESS_NAME}_${pid}.ports`);
}

/** A killed server leaves its ports file behind. */
async function removePortsFile(folder: string, pid: number | undefined): Promise<void> {
  await rm(portsFile(folder, pid), { force: true });
}

async function readPorts(file: string): Promise<Ports | undefined> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Ports;
  } catch {
    // Not there yet, or half written.
    return undefined;
  }
}

/** A server on all addresses lists each of them; loopback is the one that surely works from here. */
function reachable(urls: readonly string[] | undefined): string | undefined {
  return urls?.find((url) => url.includes("//127.0.0.1:")) ?? urls?.[0];
}

/** Whether a NATS server answers: the first thing it sends is INFO. */
async function greets(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  return await new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), timeout: GREETING_TIMEOUT_MS });
    const answer = (greeted: boolean): void => {
      socket.destroy();
      resolve(greeted);
    };
    socket.once("data", (data) => answer(data.toString("latin1").startsWith("INFO ")));
    socket.once("error", () => answer(false));
    socket.once("timeout", () => answer(false));
    socket.once("close", () => resolve(false));
  });
}

function setAside(logFile: string): void {
  if (existsSync(logFile) && statSync(logFile).size > MAX_LOG_BYTES) renameSync(logFile, `${logFile}.old`);
}

/** The last lines of a log, from an offset on; at most 64 KiB are read. */
async function tail(logFile: string, from: number): Promise<string[]> {
  const file = await open(logFile, "r").catch(() => undefined);
  if (file === undefined) return [];
  try {
    const { size } = await file.stat();
    const start = Math.max(from, size - 64 * 1024);
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(Math.max(0, size - start)), position: start });
    return buffer
      .toString("utf8", 0, bytesRead)
      .split("\n")
      .filter((line) => line !== "")
      .slice(-SHOWN_LOG_LINES);
  } finally {
    await file.close();
  }
}

function startError(cause: Error, lines: readonly string[], options: StartOptions, logFile: string): Error {
  const flag = options.portFlag ?? "--nats-port";
  const taken = lines.map((line) => /listen tcp (\S+): bind: address already in use/.exec(line)?.[1]).find(Boolean);
  if (taken !== undefined)
    return new Error(`nats-server cannot listen on ${taken}: the port is taken; choose another with ${flag}`, {
      cause,
    });
  const forbidden = lines.map((line) => /listen tcp (\S+): bind: permission denied/.exec(line)?.[1]).find(Boolean);
  if (forbidden !== undefined)
    return new Error(`nats-server may not listen on ${forbidden}; choose another port with ${flag}`, { cause });
  const log = lines.length === 0 ? "" : `\n${lines.map((line) => `  ${line}`).join("\n")}`;
  return new Error(
    `nats-server (${basename(options.binary)}) did not start: ${cause.message}; its log is ${logFile}${log}`,
    { cause },
  );
}
