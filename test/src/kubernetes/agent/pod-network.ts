// A bridge with a network of its own, to which pods are joined. Only the bridge has a name in the system; all else goes with
// the process that holds a pod's namespaces.
import { existsSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { runCommand } from "./run-command.ts";

/** `malla-<process>-<n>`: at most 15 characters, as the kernel wants. */
const BRIDGE = /^malla-(\d+)-\d+$/;
const FIRST_POD = 10;
const LAST_POD = 254;
let made = 0;

export class PodNetwork {
  /** Name of its interface. */
  readonly bridge: string;
  readonly #prefix: string;
  readonly #taken = new Set<number>();
  #last = FIRST_POD - 1;
  #links = 0;

  private constructor(bridge: string, prefix: string) {
    this.bridge = bridge;
    this.#prefix = prefix;
  }

  /** Makes the bridge, after taking down what processes that are gone have left. Needs root. */
  static async create(): Promise<PodNetwork> {
    await sweepBridges();
    const bridge = `malla-${process.pid}-${made++ % 10}`;
    const prefix = choosePrefix();
    await runCommand("ip", ["link", "add", bridge, "type", "bridge"]);
    const network = new PodNetwork(bridge, prefix);
    try {
      await runCommand("ip", ["address", "add", `${network.address}/24`, "dev", bridge]);
      await runCommand("ip", ["link", "set", bridge, "up"]);
    } catch (error) {
      await network.remove();
      throw error;
    }
    return network;
  }

  /** Where pods reach this machine. */
  get address(): string {
    return `${this.#prefix}.1`;
  }

  /** Gives the network namespace of a process an address and the way to every other pod. Resolves to the address. */
  async join(pid: number): Promise<string> {
    const number = this.#take();
    const address = `${this.#prefix}.${number}`;
    const inside = ["-n", "-t", String(pid), "--", "ip"];
    try {
      const link = `${this.bridge.replace("malla-", "m")}-${this.#links++}`.slice(-15);
      await runCommand("ip", ["link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", String(pid)]);
      await runCommand("ip", ["link", "set", link, "master", this.bridge, "up"]);
      await runCommand("nsenter", [...inside, "address", "add", `${address}/24`, "dev", "eth0"]);
      await runCommand("nsenter", [...inside, "link", "set", "eth0", "up"]);
      await runCommand("nsenter", [...inside, "link", "set", "lo", "up"]);
      return address;
    } catch (error) {
      this.release(address);
      throw error;
    }
  }

  /** The address may be given again, the latest last: what still knows it should not meet another pod there. */
  release(address: string): void {
    this.#taken.delete(Number(address.split(".").at(-1)));
  }

  async remove(): Promise<void> {
    await runCommand("ip", ["link", "delete", this.bridge]);
  }

  #take(): number {
    for (let step = 0; step <= LAST_POD - FIRST_POD; step++) {
      this.#last = this.#last >= LAST_POD ? FIRST_POD : this.#last + 1;
      if (this.#taken.has(this.#last)) continue;
      this.#taken.add(this.#last);
      return this.#last;
    }
    throw new Error(`the network ${this.#prefix}.0/24 has no address left for a pod`);
  }
}

async function sweepBridges(): Promise<void> {
  for (const name of Object.keys(networkInterfaces()).concat(await bridgeNames())) {
    const owner = BRIDGE.exec(name)?.[1];
    if (owner === undefined || existsSync(`/proc/${owner}`)) continue;
    // Another run may sweep at the same time.
    await runCommand("ip", ["link", "delete", name]).catch(() => undefined);
  }
}

async function bridgeNames(): Promise<readonly string[]> {
  const listed = await runCommand("ip", ["-o", "link", "show", "type", "bridge"]);
  return listed.split("\n").flatMap((line) => /^\d+: ([^:@ ]+)/.exec(line)?.slice(1, 2) ?? []);
}

/** Three numbers of a network that no interface of this machine is in. */
function choosePrefix(): string {
  const used = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
  for (;;) {
    const prefix = `10.${64 + Math.floor(Math.random() * 64)}.${Math.floor(Math.random() * 256)}`;
    if (!used.some((address) => address.startsWith(`${prefix}.`))) return prefix;
  }
}
