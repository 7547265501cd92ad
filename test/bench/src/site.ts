// Where one contender stands: its folder, and everything it has started, which ends with it.
import { mkdir } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Certificates } from "./certificates.ts";
import type { Machine } from "./machine.ts";
import type { CalleeSettings, CallerSettings, KeepOrder, OnTheWay } from "./orders.ts";
import { Program } from "./program.ts";
import type { Connection } from "./transport.ts";

const HOST = "127.0.0.1";
const LISTENS_WITHIN_MS = 20_000;
const ENDS_WITHIN_MS = 5_000;
const POLL_MS = 20;

/** A contender that runs. */
export interface Way {
  readonly caller: Program;
  /** Everybody but the caller. */
  readonly others: readonly OnTheWay[];
}

export interface SiteOptions {
  /** Default false. */
  readonly tls?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Endpoint {
  /** Module in `transports/` or `../peers/`, with its folder. */
  readonly transport: string;
  readonly connection: Connection;
}

export class Site {
  readonly folder: string;
  readonly machine: Machine;
  /** If connections are to be encrypted. */
  readonly tls: Certificates | undefined;
  /** For every Node process that is started here. */
  readonly environment: Readonly<Record<string, string>>;
  readonly #closers: (() => Promise<unknown>)[] = [];

  private constructor(
    folder: string,
    machine: Machine,
    tls: Certificates | undefined,
    environment: Readonly<Record<string, string>>,
  ) {
    this.folder = folder;
    this.machine = machine;
    this.tls = tls;
    // The authority that signed the broker's certificate.
    this.environment = tls === undefined ? environment : { ...environment, NODE_EXTRA_CA_CERTS: tls.ca };
  }

  static async open(
    machine: Machine,
    name: string,
    { tls = false, environment = {} }: SiteOptions = {},
  ): Promise<Site> {
    const folder = join(machine.folder, name);
    await mkdir(folder, { recursive: true });
    return new Site(folder, machine, tls ? await machine.certificates() : undefined, environment);
  }

  /** Done when the site is closed, in the order opposite to that of these calls. */
  defer(close: () => Promise<unknown>): void {
    this.#closers.push(close);
  }

  async caller({ transport, connection }: Endpoint, environment: Record<string, string> = {}): Promise<Program> {
    const settings: CallerSettings = { transport: moduleUrl(transport), connection };
    return (await this.program("caller", settings, environment)).program;
  }

  /** Resolves when it answers, to it and what callers must know of it. */
  async callee(
    { transport, connection }: Endpoint,
    next?: Connection,
    environment: Record<string, string> = {},
  ): Promise<{ readonly program: Program; readonly ready: Connection }> {
    const settings: CalleeSettings = {
      transport: moduleUrl(transport),
      connection,
      ...(next === undefined ? {} : { next }),
    };
    return await this.program<Connection>("callee", settings, environment);
  }

  async program<Ready>(
    name: string,
    settings: object,
    environment: Record<string, string> = {},
  ): Promise<{ readonly program: Program; readonly ready: Ready }> {
    const started = await Program.start<Ready>(name, settings, { ...this.environment, ...environment });
    this.defer(async () => await started.program.stop());
    return started;
  }

  /** Starts a program that is not ours and resolves to its process id when it listens on the port. */
  async native(name: string, file: string, args: readonly string[], port: number): Promise<number> {
    const logFile = join(this.folder, `${name}.log`);
    const pid = await this.machine.keeper.tell<number>({ file, args, logFile } satisfies KeepOrder);
    this.defer(async () => await endProcess(pid));
    await listens(port, pid, `${name}, see ${logFile},`);
    return pid;
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }
}

function moduleUrl(transport: string): string {
  return new URL(`${transport}.ts`, import.meta.url).href;
}

async function listens(port: number, pid: number, what: string): Promise<void> {
  for (const until = performance.now() + LISTENS_WITHIN_MS; performance.now() < until; await sleep(POLL_MS)) {
    if (await takes(port)) return;
    if (!isAlive(pid)) throw new Error(`${what} ended at once`);
  }
  throw new Error(`${what} did not listen on port ${port} within ${LISTENS_WITHIN_MS} ms`);
}

async function takes(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ host: HOST, port });
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

export async function endProcess(pid: number): Promise<void> {
  signal(pid, "SIGTERM");
  const until = performance.now() + ENDS_WITHIN_MS;
  while (isAlive(pid)) {
    if (performance.now() > until) signal(pid, "SIGKILL");
    await sleep(POLL_MS);
  }
}

function isAlive(pid: number): boolean {
  return signal(pid, 0);
}

function signal(pid: number, what: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, what);
  } catch {
    return false;
  }
}
