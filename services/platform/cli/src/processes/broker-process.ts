// The broker as a child of ours: nats-server behind a keeper that ends it when we are gone.
import { fileURLToPath } from "node:url";
import { Failure } from "../failure.ts";
import { readJsonLine } from "./read-json-line.ts";
import { SupervisedProcess } from "./supervised-process.ts";

export interface BrokerOptions {
  /** As events and logs call it. */
  readonly name: string;
  readonly binary: string;
  readonly configPath: string;
  /** What happens, a line at a time. */
  readonly say: (line: string) => void;
  readonly log: (name: string, line: string) => void;
}

export interface BrokerProcess {
  readonly child: SupervisedProcess;
  readonly url: string;
  /** Monitoring, if its configuration has it; another after each start. */
  readonly httpUrl: () => string | undefined;
  /** Process id of nats-server itself; 0 while it is down. */
  readonly serverPid: () => number;
}

interface KeeperLine {
  readonly url: string;
  readonly pid: number;
  readonly httpUrl?: string;
  readonly error: string;
}

const keeper = fileURLToPath(new URL("./keep-broker.js", import.meta.url));

/** Resolves when the server takes connections. Rejects, leaving nothing, with the reason why it does not. */
export async function startBroker({ name, binary, configPath, say, log }: BrokerOptions): Promise<BrokerProcess> {
  let serverPid = 0;
  let httpUrl: string | undefined;
  let child: SupervisedProcess | undefined;
  const url = await new Promise<string>((resolve, reject) => {
    child = new SupervisedProcess({
      name,
      args: [keeper, binary, configPath],
      env: () => process.env,
      restart: true,
      onStdout: (line) => {
        const { url: ready, pid, error, ...more } = readJsonLine<KeeperLine>(line);
        if (pid !== undefined) {
          serverPid = pid;
          httpUrl = more.httpUrl;
        }
        if (ready !== undefined) resolve(ready);
        else if (error !== undefined) {
          log(name, error);
          reject(new Failure(error));
        }
      },
      onStderr: (line) => log(name, line),
      onDeath: (how) => {
        say(`${name} ${how}; starting it again`);
        // A keeper that was killed leaves its server; the next one could not start beside it.
        endOrphan(serverPid);
        serverPid = 0;
      },
    });
  }).catch(async (error: unknown) => {
    await child?.stop();
    throw error;
  });
  return { child: child as SupervisedProcess, url, httpUrl: () => httpUrl, serverPid: () => serverPid };
}

function endOrphan(pid: number): void {
  if (pid === 0) return;
  try {
    process.kill(pid, "SIGTERM");
  } catch {
    // It ended with its keeper, as it should.
  }
}
