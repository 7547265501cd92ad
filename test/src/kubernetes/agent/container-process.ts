// A container as a process: its own processes, root folder and user, in the network of its pod.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdir, readFile, readlink } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("./container-root.sh", import.meta.url));
/** The first child is the first process of the new namespace. Not by `unshare --fork`, which forgets which signal ended it. */
const BEGIN = 'setpriv --pdeathsig KILL sh "$0" "$@" & wait $!';
const LOOK_EVERY_MS = 5;
const START_MS = 15_000;
const SIGNALS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
};

export interface Mount {
  /** A folder or file of this machine. */
  readonly source: string;
  /** Absolute, inside. */
  readonly target: string;
  readonly readOnly: boolean;
}

export interface ContainerSpec {
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly path: string;
  readonly workingFolder: string;
  readonly mounts: readonly Mount[];
  readonly readOnlyRoot: boolean;
  readonly user: number;
  readonly group: number;
  /** Besides `group`. */
  readonly groups: readonly number[];
  /** An empty folder, under which its root is mounted in its own view only. */
  readonly rootFolder: string;
  /** What it writes is added to this file. */
  readonly log: string;
  /** Whose network and host name it has. */
  readonly sandboxPid: number;
}

export interface ExecResult {
  /** Nothing if it had to be killed. */
  readonly code: number | undefined;
  readonly output: string;
}

export class ContainerProcess {
  /** Resolves to the exit code when it has ended, to 128 and the signal's number if a signal ended it. */
  readonly ended: Promise<number>;
  readonly #spec: ContainerSpec;
  readonly #child: ChildProcess;
  /** Of its first process, as this machine counts. */
  #pid: number | undefined;

  private constructor(spec: ContainerSpec, child: ChildProcess) {
    this.#spec = spec;
    this.#child = child;
    this.ended = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) => resolve(code ?? 128 + (SIGNALS[signal ?? ""] ?? 0)));
    });
    // Whoever cares asks for `ended`.
    this.ended.catch(() => undefined);
  }

  /** Resolves when its program runs, or has ended already. */
  static async start(spec: ContainerSpec): Promise<ContainerProcess> {
    await mkdir(spec.rootFolder, { recursive: true });
    const mounts = spec.mounts.toSorted((a, b) => a.target.length - b.target.length);
    const triples = mounts.flatMap(({ source, target, readOnly }) => [readOnly ? "read" : "bind", source, target]);
    const script = ["sh", "-c", BEGIN, SCRIPT, spec.rootFolder, String(spec.readOnlyRoot), spec.path, ...triples, "--"];
    const namespaces = ["nsenter", "-t", String(spec.sandboxPid), "--net", "--uts", "--"];
    const own = ["unshare", "--mount", "--pid", "--"];
    const out = openSync(spec.log, "a", 0o600);
    // The environment goes as one, never as arguments: it holds what no list of processes may show.
    const child = spawn(
      "setpriv",
      ["--pdeathsig", "KILL", ...namespaces, ...own, ...script, ...asUser(spec), ...spec.command],
      {
        env: withPath(spec.environment),
        stdio: ["ignore", out, out],
      },
    );
    closeSync(out);
    const started = new ContainerProcess(spec, child);
    await started.#findPid();
    return started;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** To its first process; one that has ended does not mind. */
  kill(signal: NodeJS.Signals): void {
    if (!this.running) return;
    try {
      // Before it has a process of its own there is nothing that could end in good order.
      process.kill(this.#pid ?? (this.#child.pid as number), this.#pid === undefined ? "SIGKILL" : signal);
    } catch {
      // It has just ended.
    }
  }

  /** Runs a program beside it, as the same user, in the same root. Killed after `timeoutMs`; never rejects. */
  async exec(command: readonly string[], timeoutMs: number): Promise<ExecResult> {
    if (this.#pid === undefined || !this.running) return { code: 1, output: "the container does not run" };
    const enter = ["-t", String(this.#pid), "--mount", "--pid", "--net", "--uts", "--root", "--"];
    const child = spawn(
      "setpriv",
      ["--pdeathsig", "KILL", "nsenter", ...enter, "/usr/bin/setpriv", ...asUser(this.#spec), ...command],
      {
        env: { ...this.#spec.environment, PATH: this.#spec.path },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    return await new Promise((resolve) => {
      const timer = setTimeout(() => {
        child.kill("SIGKILL");
        // What it started may hold the pipes.
        child.stdout.destroy();
        child.stderr.destroy();
      }, timeoutMs);
      child.once("error", (error) => {
        clearTimeout(timer);
        resolve({ code: undefined, output: error.message });
      });
      child.once("close", (code) => {
        clearTimeout(timer);
        resolve({ code: code ?? undefined, output });
      });
    });
  }

  async #findPid(): Promise<void> {
    const own = this.#child.pid;
    if (own === undefined) return void (await this.ended);
    const until = performance.now() + START_MS;
    while (this.running) {
      const pid = Number(await readFile(`/proc/${own}/task/${own}/children`, "utf8").catch(() => ""));
      // Its root is no longer ours as soon as all of it is mounted.
      const root = pid === 0 ? "/" : await readlink(`/proc/${pid}/root`).catch(() => "/");
      if (pid !== 0 && root !== "/") {
        this.#pid = pid;
        return;
      }
      if (performance.now() > until) {
        this.#child.kill("SIGKILL");
        await once(this.#child, "exit");
        throw new Error(`the root folder of the container was not ready within ${START_MS} ms; see ${this.#spec.log}`);
      }
      await sleep(LOOK_EVERY_MS);
    }
  }
}

function asUser({ user, group, groups, workingFolder }: ContainerSpec): readonly string[] {
  const more = groups.length === 0 ? ["--clear-groups"] : ["--groups", groups.join(",")];
  const rights = ["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--pdeathsig", "KILL"];
  return ["--reuid", String(user), "--regid", String(group), ...more, ...rights, "/usr/bin/env", "-C", workingFolder];
}

/** The tools that make the namespaces are found by a path of this machine; the script sets the container's. */
function withPath(environment: Readonly<Record<string, string>>): Record<string, string> {
  return { ...environment, PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };
}
