// The processes of a mesh on one machine: broker, routers, and whatever runs on them. `malla up` and `npm start` are this.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  bootstrapStreams,
  ensureKeys,
  findNatsServer,
  type Keys,
  writeCredentials,
  writeRouterSigner,
  writeServerConfig,
} from "@malla/broker-config";
import { Failure } from "../failure.ts";
import { readRunFile, removeRunFile, writeRunFile } from "../run-file.ts";
import { SupervisedProcess } from "./supervised-process.ts";

/** How long broker and routers may take to be ready, in ms. */
const READY_MS = 60_000;

export interface MeshOptions {
  readonly home: string;
  readonly port: number;
  readonly metricsPort: number;
  readonly routers: number;
  readonly logLevel: string;
  /** What takes time and what happens, a line at a time. */
  readonly say: (line: string) => void;
  /** Lines of routers' and services' own logs. */
  readonly log: (name: string, line: string) => void;
}

export interface MeshProcesses {
  readonly natsUrl: string;
  readonly keys: Keys;
  readonly routers: readonly { readonly name: string; readonly metricsPort: number; readonly pid: () => number }[];
  /** Starts a program on this mesh; ended with it. */
  readonly run: (spec: ProgramSpec) => SupervisedProcess;
  /** Routers drain, then the broker ends. Resolves when nothing runs any more. */
  readonly stop: () => Promise<void>;
}

export interface ProgramSpec {
  readonly name: string;
  readonly entry: string;
  readonly env: Readonly<Record<string, string>>;
  /** It serves nothing: it is ended before those it calls. */
  readonly callsOnly?: boolean;
  readonly onStdout?: (line: string) => void;
}

const keepBroker = fileURLToPath(new URL("./keep-broker.js", import.meta.url));

/** Starts broker and routers and resolves when they carry calls. What was started is ended again if anything fails. */
export async function startMesh(options: MeshOptions): Promise<MeshProcesses> {
  const { home, say } = options;
  const running = readRunFile(home);
  if (running !== undefined)
    throw new Failure(
      `a mesh runs here already (process ${running.pid}, ${running.natsUrl}); stop it, or use another folder or MALLA_HOME`,
    );
  const found = await findNatsServer({ progress: say });
  if (found.warning !== undefined) say(`WARNING: ${found.warning}`);
  say("preparing keys and accounts");
  const keys = await ensureKeys(home);
  const configPath = await writeServerConfig(home, { port: options.port, keys, serverVersion: found.version });
  const children: SupervisedProcess[] = [];
  const processes: SupervisedProcess[] = [];
  const callers: SupervisedProcess[] = [];
  const stop = async (): Promise<void> => {
    // Whoever only calls goes first, then those who serve, then the routers, so that last calls are carried; the broker last.
    await Promise.all(callers.map(async (child) => child.stop()));
    await Promise.all(processes.map(async (child) => child.stop()));
    for (const child of children.toReversed()) await child.stop();
    removeRunFile(home);
  };
  try {
    const broker = await startBroker(options, found.path, configPath);
    children.push(broker.child);
    await bootstrapStreams({ servers: broker.url, keys });
    await writeDevelopmentCredentials(home, keys);
    const signer = await writeRouterSigner(home, keys);
    const routers = Array.from({ length: options.routers }, (_, i) =>
      startRouterProcess(options, broker.url, signer, i),
    );
    children.push(...routers.map((router) => router.child));
    await Promise.all(routers.map(async (router) => router.ready));
    const update = (): void => {
      void writeRunFile(home, {
        pid: process.pid,
        natsUrl: broker.url,
        routers: routers.map(({ child, metricsPort }) => ({
          name: child.name,
          pid: child.pid,
          metricsPort: metricsPort(),
        })),
        processes: [...processes, ...callers].map(({ name, pid }) => ({ name, pid })),
      });
    };
    update();
    const refresh = setInterval(update, 1_000);
    return {
      natsUrl: broker.url,
      keys,
      routers: routers.map(({ child, metricsPort }) => ({
        name: child.name,
        metricsPort: metricsPort(),
        pid: () => child.pid,
      })),
      run: (spec) => {
        const child = startProgram(options, broker.url, spec);
        (spec.callsOnly === true ? callers : processes).push(child);
        return child;
      },
      stop: async () => {
        clearInterval(refresh);
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startBroker(
  { say, log }: MeshOptions,
  binary: string,
  configPath: string,
): Promise<{ child: SupervisedProcess; url: string }> {
  let child: SupervisedProcess | undefined;
  const url = await new Promise<string>((resolve, reject) => {
    child = new SupervisedProcess({
      name: "broker",
      args: [keepBroker, binary, configPath],
      env: process.env,
      restart: true,
      onStdout: (line) => {
        const { url: ready, error } = JSON.parse(line) as { url?: string; error?: string };
        if (ready !== undefined) resolve(ready);
        else reject(new Failure(error ?? "nats-server did not start"));
      },
      onStderr: (line) => log("broker", line),
      onDeath: (how) => say(`broker ${how}; starting it again`),
    });
  }).catch(async (error: unknown) => {
    await child?.stop();
    throw error;
  });
  return { child: child as SupervisedProcess, url };
}

async function writeDevelopmentCredentials(home: string, keys: Keys): Promise<void> {
  const requests = [
    { name: "operator", role: "operator" },
    { name: "operator", role: "operator", account: "CTRL" },
    { name: "observer", role: "observer" },
    { name: "guest", role: "guest" },
  ] as const;
  await Promise.all(requests.map(async (request) => writeCredentials(home, request, keys)));
}

function startRouterProcess(
  options: MeshOptions,
  natsUrl: string,
  signer: string,
  index: number,
): { child: SupervisedProcess; ready: Promise<void>; metricsPort: () => number } {
  const name = `router-${index + 1}`;
  const wanted = options.metricsPort === 0 ? 0 : options.metricsPort + index;
  let actual = wanted;
  let tell: { resolve: () => void; reject: (error: Error) => void } | undefined;
  const ready = new Promise<void>((resolve, reject) => {
    tell = { resolve, reject };
    setTimeout(
      () => reject(new Failure(`${name} was not ready within ${READY_MS / 1000} s; its log above says why`)),
      READY_MS,
    ).unref();
  });
  let isReady = false;
  const child = new SupervisedProcess({
    name,
    args: [routerEntry()],
    env: {
      ...process.env,
      NATS_URL: natsUrl,
      MALLA_ROUTER_SIGNER: signer,
      MALLA_METRICS_PORT: String(wanted),
      MALLA_POLICY_CACHE: join(options.home, "cache", `${name}.policy`),
      MALLA_LOG_LEVEL: options.logLevel,
      MALLA_READY_LINE: "1",
    },
    restart: true,
    onStdout: (line) => {
      const parsed = JSON.parse(line) as { metricsPort?: number };
      if (parsed.metricsPort !== undefined) actual = parsed.metricsPort;
      isReady = true;
      tell?.resolve();
    },
    onStderr: (line) => {
      options.log(name, line);
      // What ends a router before it was ever ready will end it again: a taken port, wrong credentials.
      if (!isReady && !line.startsWith("{")) tell?.reject(new Failure(line));
    },
    onDeath: (how) => options.say(`${name} ${how}; starting it again`),
  });
  return { child, ready, metricsPort: () => actual };
}

function routerEntry(): string {
  return fileURLToPath(import.meta.resolve("@malla/router/main"));
}

function startProgram({ say, log }: MeshOptions, natsUrl: string, spec: ProgramSpec): SupervisedProcess {
  if (!existsSync(spec.entry))
    throw new Failure(`${spec.name}: there is no program ${spec.entry}; \`npm run build\` makes it`);
  return new SupervisedProcess({
    name: spec.name,
    args: [spec.entry],
    env: { ...process.env, NATS_URL: natsUrl, ...spec.env },
    restart: true,
    ...(spec.onStdout === undefined ? {} : { onStdout: spec.onStdout }),
    onStderr: (line) => log(spec.name, line),
    onDeath: (how) => say(`${spec.name} ${how}; starting it again`),
  });
}
