// A real nats-server of this file's own, with the shipped configuration, that can be killed and comes back on its port.
import {
  bootstrapStreams,
  findNatsServer,
  type Keys,
  type RunningServer,
  startNatsServer,
  writeServerConfig,
} from "@malla/broker-config";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";

interface ConnectionsReport {
  readonly connections: readonly {
    readonly cid: number;
    readonly name?: string;
    readonly in_bytes: number;
    readonly out_bytes: number;
    readonly out_msgs: number;
    readonly subscriptions_list?: readonly string[];
  }[];
}

export class TestBroker {
  readonly #start: () => Promise<RunningServer>;
  #server: RunningServer;
  #killed: Promise<void> = Promise.resolve();

  private constructor(start: () => Promise<RunningServer>, server: RunningServer) {
    this.#start = start;
    this.#server = server;
  }

  /** Starts one under `home` and creates its streams. */
  static async start(home: string, keys: Keys): Promise<TestBroker> {
    const binary = await findNatsServer({ progress: (line) => process.stderr.write(`${line}\n`) });
    const options = { port: await freePort(), httpPort: -1, keys, serverVersion: binary.version };
    const configPath = await writeServerConfig(home, options);
    const start = async (): Promise<RunningServer> => await startNatsServer({ binary: binary.path, configPath });
    const server = await start();
    await bootstrapStreams({ servers: server.url, keys });
    return new TestBroker(start, server);
  }

  get url(): string {
    return this.#server.url;
  }

  get pid(): number {
    return this.#server.pid;
  }

  /** kill -9. Resolves when the process is gone. */
  async kill(): Promise<void> {
    const { pid } = this.#server;
    process.kill(pid, "SIGKILL");
    this.#killed = eventually(() => {
      if (isAlive(pid)) throw new Error(`process ${pid} is still there`);
    });
    await this.#killed;
  }

  /** Starts it again after `kill`, on the same port, with what it had stored. */
  async restart(): Promise<void> {
    await this.#killed;
    this.#server = await this.#start();
  }

  /** Names of the connections that are open now. */
  async connections(): Promise<readonly string[]> {
    return (await this.#report()).map((connection) => connection.name ?? `connection ${connection.cid}`);
  }

  /** Messages the server has sent to the connections of a name, as monitoring counts them. */
  async delivered(name: string): Promise<number> {
    return (await this.#report())
      .filter((connection) => connection.name === name)
      .reduce((sum, connection) => sum + connection.out_msgs, 0);
  }

  /** Bytes that connections of a name, or of names that begin so, have sent and been sent. */
  async bytes(prefix: string): Promise<number> {
    return (await this.#report())
      .filter(({ name }) => name?.startsWith(prefix) === true)
      .reduce((sum, { in_bytes, out_bytes }) => sum + in_bytes + out_bytes, 0);
  }

  /** What the connections of a name subscribe now. */
  async subscriptions(name: string): Promise<readonly string[]> {
    const connections = (await this.#report()).filter((connection) => connection.name === name);
    return connections.flatMap(({ subscriptions_list }) => subscriptions_list ?? []);
  }

  async #report(): Promise<ConnectionsReport["connections"]> {
    const answer = await fetch(`${this.#server.httpUrl}/connz?limit=1000&subs=true`, {
      headers: { connection: "close" },
    });
    return ((await answer.json()) as ConnectionsReport).connections;
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
