// Hosts of a test's own: network namespaces on one bridge, whose links can be cut as cables are. Needs root; whoever has none
// finds out by `canMakeHosts` and says so.
import { execFileSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Names of interfaces have at most 15 characters. */
const PREFIX = "mh";

export class NetworkHosts {
  readonly #id: string;
  readonly #subnet: string;
  readonly #count: number;

  private constructor(id: string, subnet: string, count: number) {
    this.#id = id;
    this.#subnet = subnet;
    this.#count = count;
  }

  /** Why there can be no hosts here; undefined where there can. */
  static obstacle(): string | undefined {
    if (process.platform !== "linux") return "network namespaces are of Linux";
    if (process.getuid?.() !== 0) return "network namespaces need root";
    const probe = `${PREFIX}probe${process.pid}`;
    try {
      ip("netns", "add", probe);
      ip("netns", "del", probe);
      return undefined;
    } catch (error) {
      return `no network namespace can be made: ${(error as Error).message.split("\n").at(-1)}`;
    }
  }

  /** Makes `count` hosts that reach each other and this machine. Throws, leaving nothing, if that fails. */
  static make(count: number): NetworkHosts {
    const id = process.pid.toString(36);
    const subnet = `10.${100 + (process.pid % 100)}.${(process.pid >> 7) % 250}`;
    const hosts = new NetworkHosts(id, subnet, count);
    try {
      ip("link", "add", hosts.#bridge, "type", "bridge");
      ip("addr", "add", `${subnet}.254/24`, "dev", hosts.#bridge);
      ip("link", "set", hosts.#bridge, "up");
      for (let host = 0; host < count; host++) hosts.#makeHost(host);
      return hosts;
    } catch (error) {
      hosts.remove();
      throw error;
    }
  }

  address(host: number): string {
    return `${this.#subnet}.${host + 1}`;
  }

  /** What to put before a program and its arguments so that it runs there; its process is the one that is started. */
  command(host: number): readonly string[] {
    return ["ip", "netns", "exec", this.#namespace(host)];
  }

  /** A program that runs another one there, for whoever takes a path and no more. */
  wrapper(host: number, program: string, folder: string): string {
    const path = join(folder, `on-host-${host}`);
    writeFileSync(path, `#!/bin/sh\nexec ${this.command(host).join(" ")} '${program}' "$@"\n`);
    chmodSync(path, 0o755);
    return path;
  }

  /** Pulls the cable: nothing passes and nobody is told. */
  cut(host: number): void {
    ip("link", "set", this.#port(host), "down");
  }

  heal(host: number): void {
    ip("link", "set", this.#port(host), "up");
  }

  /** Programs that still run there go on without a network. */
  remove(): void {
    for (let host = 0; host < this.#count; host++) quietly("netns", "del", this.#namespace(host));
    for (let host = 0; host < this.#count; host++) quietly("link", "del", this.#port(host));
    quietly("link", "del", this.#bridge);
  }

  get #bridge(): string {
    return `${PREFIX}b${this.#id}`;
  }

  /** The bridge's end of a host's cable. */
  #port(host: number): string {
    return `${PREFIX}${this.#id}p${host}`;
  }

  #namespace(host: number): string {
    return `${PREFIX}${this.#id}-${host}`;
  }

  #makeHost(host: number): void {
    const namespace = this.#namespace(host);
    ip("netns", "add", namespace);
    ip("link", "add", this.#port(host), "type", "veth", "peer", "name", "eth0", "netns", namespace);
    ip("link", "set", this.#port(host), "master", this.#bridge, "up");
    ip("-n", namespace, "addr", "add", `${this.address(host)}/24`, "dev", "eth0");
    ip("-n", namespace, "link", "set", "eth0", "up");
    ip("-n", namespace, "link", "set", "lo", "up");
  }
}

function ip(...args: readonly string[]): void {
  execFileSync("ip", [...args], { stdio: ["ignore", "pipe", "pipe"] });
}

function quietly(...args: readonly string[]): void {
  try {
    ip(...args);
  } catch {
    // It is not there, or went with its namespace.
  }
}
