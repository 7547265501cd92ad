// What the containers of a pod share: host name, network, and the process that holds both.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { resolverConfig } from "./cluster-names.ts";
import type { Pod } from "./objects.ts";
import type { PodNetwork } from "./pod-network.ts";

const HOLD = 'echo "$0" > /proc/sys/kernel/hostname && echo ready && exec sleep infinity';

export class PodSandbox {
  readonly address: string;
  readonly pid: number;
  /** Files that every container sees: hosts, resolv.conf, hostname. */
  readonly etc: string;
  readonly #holder: ChildProcess;
  readonly #network: PodNetwork;

  private constructor(address: string, etc: string, holder: ChildProcess, network: PodNetwork) {
    this.address = address;
    this.pid = holder.pid as number;
    this.etc = etc;
    this.#holder = holder;
    this.#network = network;
  }

  static async create(pod: Pod, folder: string, network: PodNetwork): Promise<PodSandbox> {
    const hostname = pod.spec.hostname ?? pod.metadata.name;
    // It goes when this process goes, however that ends, and takes both namespaces with it.
    const holder = spawn("setpriv", ["--pdeathsig", "KILL", "unshare", "--net", "--uts", "sh", "-c", HOLD, hostname], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let address: string | undefined;
    try {
      await Promise.race([
        once(holder.stdout, "data"),
        once(holder, "exit").then(() => Promise.reject(new Error(`the namespaces of ${hostname} could not be made`))),
      ]);
      address = await network.join(holder.pid as number);
      const etc = join(folder, "etc");
      await mkdir(etc, { recursive: true });
      await writeFile(join(etc, "hosts"), hostsFile(pod, address, hostname));
      await writeFile(join(etc, "hostname"), `${hostname}\n`);
      await writeFile(join(etc, "resolv.conf"), resolverConfig(pod.metadata.namespace ?? "", network.address));
      return new PodSandbox(address, etc, holder, network);
    } catch (error) {
      holder.kill("SIGKILL");
      if (address !== undefined) network.release(address);
      throw error;
    }
  }

  async remove(): Promise<void> {
    const ended = this.#holder.exitCode === null && this.#holder.signalCode === null ? once(this.#holder, "exit") : [];
    this.#holder.kill("SIGKILL");
    await ended;
    this.#network.release(this.address);
  }
}

function hostsFile(pod: Pod, address: string, hostname: string): string {
  const { subdomain } = pod.spec;
  const full = subdomain === undefined ? "" : `${hostname}.${subdomain}.${pod.metadata.namespace}.svc.cluster.local `;
  return `127.0.0.1 localhost\n${address} ${full}${hostname}\n`;
}
