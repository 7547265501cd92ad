// The processes of a mesh on one machine: broker, routers, and whatever runs on them. `malla up` and `npm start` are this.
import { existsSync } from "node:fs";
import {
  bootstrapStreams,
  ensureKeys,
  findNatsServer,
  type Keys,
  writeCredentials,
  writeRouterSigner,
} from "@malla/broker-config";
import { Failure } from "../failure.ts";
import { type RunFile, readRunFile, removeRunFile, writeRunFile } from "../run-file.ts";
import { type BrokerServers, type BrokerServersOptions, startBrokerServers } from "./broker-servers.ts";
import { choosePorts } from "./free-port.ts";
import { type RouterProcess, startRouterProcess } from "./router-process.ts";
import { planServers, type ServerCount } from "./server-plan.ts";
import { SupervisedProcess } from "./supervised-process.ts";

/** How often the run file is held against what runs, in ms. */
const RUN_FILE_MS = 250;

export interface MeshOptions {
  readonly home: string;
  /** Servers of the broker; undefined: as many as this home had, else one. */
  readonly servers?: ServerCount | undefined;
  /** Port of the first server, the next ones have those after it; -1: any free ones. */
  readonly port: number;
  /** Metrics port of the first router, the next ones have those after it; 0: any free ones. */
  readonly metricsPort: number;
  readonly routers: number;
  /** Workers of each router, or `auto`; undefined: as the environment says. */
  readonly workers?: string | undefined;
  readonly logLevel: string;
  /** What takes time and what happens, a line at a time. */
  readonly say: (line: string) => void;
  /** Lines of routers' and services' own logs. */
  readonly log: (name: string, line: string) => void;
}

export interface RunningProcess {
  readonly name: string;
  /** 0 while it is down. */
  readonly pid: () => number;
}

export interface MeshProcesses {
  /** All servers of the broker, with commas between. */
  readonly natsUrl: string;
  readonly keys: Keys;
  readonly routers: readonly (RunningProcess & { readonly metricsPort: () => number })[];
  /** Everything that runs: broker, routers, programs. */
  readonly processes: () => readonly RunningProcess[];
  /** Starts a program on this mesh; ended with it. */
  readonly run: (spec: ProgramSpec) => SupervisedProcess;
  /** Programs end, routers drain, then the broker ends. Resolves when nothing runs any more. */
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

/** Starts broker and routers and resolves when they carry calls. What was started is ended again if anything fails. */
export async function startMesh(options: MeshOptions): Promise<MeshProcesses> {
  const { home, say } = options;
  refuseSecond(home);
  const found = await findNatsServer({ progress: say });
  if (found.warning !== undefined) say(found.warning);
  say("preparing keys and accounts");
  const keys = await ensureKeys(home);
  const servers = await planServers(home, options.servers);
  if (servers.length > 1) say(`starting ${servers.length} servers, which choose a leader in some seconds`);
  const mesh = new LocalMesh(options, keys);
  try {
    const { natsUrl } = await mesh.startServers({ ...options, keys, servers, binary: found });
    await bootstrapStreams({ servers: natsUrl.split(","), keys, replicas: servers.length === 1 ? 1 : 3 });
    await writeDevelopmentCredentials(home, keys);
    await mesh.startRouters(await writeRouterSigner(home, keys));
    return await mesh.running();
  } catch (error) {
    await mesh.stop();
    throw error;
  }
}

function refuseSecond(home: string): void {
  const running = readRunFile(home);
  if (running === undefined) return;
  throw new Failure(
    `a mesh runs here already (process ${running.pid}, ${running.natsUrl}); stop it, or use another folder or MALLA_HOME`,
  );
}

/** Holds what was started, in the order in which it must end. */
class LocalMesh {
  readonly #options: MeshOptions;
  readonly #keys: Keys;
  #broker: BrokerServers | undefined;
  #routers: readonly RouterProcess[] = [];
  readonly #programs: SupervisedProcess[] = [];
  readonly #callers: SupervisedProcess[] = [];
  #refresh: NodeJS.Timeout | undefined;
  #written = "";
  #writing: Promise<void> = Promise.resolve();
  readonly #removeRunFile = (): void => removeRunFile(this.#options.home);

  constructor(options: MeshOptions, keys: Keys) {
    this.#options = options;
    this.#keys = keys;
  }

  async startServers(options: BrokerServersOptions): Promise<BrokerServers> {
    this.#broker = await startBrokerServers(options);
    return this.#broker;
  }

  async startRouters(signer: string): Promise<void> {
    const { routers, metricsPort, ...rest } = this.#options;
    const ports = await choosePorts(metricsPort, routers);
    this.#routers = ports.map((port, i) =>
      startRouterProcess({ ...rest, name: `router-${i + 1}`, natsUrl: this.#url(), signer, metricsPort: port }),
    );
    await Promise.all(this.#routers.map(async (router) => router.ready));
  }

  /** Resolves when other verbs can find the mesh. */
  async running(): Promise<MeshProcesses> {
    this.#write();
    await this.#writing;
    // However this process ends, short of being killed, the file does not outlive it.
    process.once("exit", this.#removeRunFile);
    this.#refresh = setInterval(() => this.#write(), RUN_FILE_MS);
    return {
      natsUrl: this.#url(),
      keys: this.#keys,
      routers: this.#routers.map(({ child, metricsPort }) => ({ name: child.name, pid: () => child.pid, metricsPort })),
      processes: () => this.#processes(),
      run: (spec) => this.#run(spec),
      stop: async () => this.stop(),
    };
  }

  /** Whoever only calls goes first, then those who serve, then the routers, so that last calls are carried; the broker last. */
  async stop(): Promise<void> {
    clearInterval(this.#refresh);
    await stopAll(this.#callers);
    await stopAll(this.#programs);
    await stopAll(this.#routers.map(({ child }) => child));
    await this.#broker?.stop();
    await this.#writing;
    this.#removeRunFile();
    process.off("exit", this.#removeRunFile);
  }

  #url(): string {
    return this.#broker?.natsUrl ?? "";
  }

  #run(spec: ProgramSpec): SupervisedProcess {
    const child = startProgram(this.#options, this.#url(), spec);
    (spec.callsOnly === true ? this.#callers : this.#programs).push(child);
    return child;
  }

  #processes(): readonly RunningProcess[] {
    const own = [...this.#routers.map(({ child }) => child), ...this.#programs, ...this.#callers];
    const servers = (this.#broker?.all ?? []).map(({ child, serverPid }, _at, all) => ({
      name: all.length === 1 ? "nats-server" : child.name,
      pid: serverPid,
    }));
    return [...servers, ...own.map((child) => ({ name: child.name, pid: () => child.pid }))];
  }

  /** Writes the run file if anything in it has changed. */
  #write(): void {
    const content: RunFile = {
      pid: process.pid,
      natsUrl: this.#url(),
      brokers: (this.#broker?.all ?? []).map(({ child, url, httpUrl, serverPid }) => {
        const monitoring = httpUrl();
        return {
          name: child.name,
          pid: serverPid(),
          url,
          ...(monitoring === undefined ? {} : { httpUrl: monitoring }),
        };
      }),
      routers: this.#routers.map(({ child: { name, pid }, metricsPort }) => ({
        name,
        pid,
        metricsPort: metricsPort(),
      })),
      processes: [...this.#programs, ...this.#callers].map(({ name, pid }) => ({ name, pid })),
    };
    const text = JSON.stringify(content);
    if (text === this.#written) return;
    this.#written = text;
    this.#writing = this.#writing
      .then(async () => writeRunFile(this.#options.home, content))
      .catch((error: unknown) => this.#options.say(`the run file cannot be written: ${(error as Error).message}`));
  }
}

async function stopAll(children: readonly SupervisedProcess[]): Promise<void> {
  await Promise.all(children.map(async (child) => child.stop()));
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

function startProgram({ say, log }: MeshOptions, natsUrl: string, spec: ProgramSpec): SupervisedProcess {
  if (!existsSync(spec.entry)) {
    throw new Failure(`${spec.name}: there is no program ${spec.entry}; \`npm run build\` makes it`);
  }
  return new SupervisedProcess({
    name: spec.name,
    args: [spec.entry],
    env: () => ({ ...process.env, NATS_URL: natsUrl, ...spec.env }),
    restart: true,
    ...(spec.onStdout === undefined ? {} : { onStdout: spec.onStdout }),
    onStderr: (line) => log(spec.name, line),
    onDeath: (how) => say(`${spec.name} ${how}; starting it again`),
  });
}
