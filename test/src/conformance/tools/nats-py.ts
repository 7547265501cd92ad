// nats-py, the NATS client of Python, from PyPI.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runTool, runWell, type ToolOptions } from "./run-tool.ts";
import { cachedTool, ToolMissing } from "./tool-cache.ts";

const VERSION = "2.16.0";
const PACKAGES = [`nats-py==${VERSION}`, "nkeys==0.2.1"];
const INSTALL_TIMEOUT_MS = 120_000;
const READY_TIMEOUT_MS = 15_000;
const END_TIMEOUT_MS = 5_000;

export interface RunningScript {
  readonly pid: number;
  /** SIGTERM; resolves when it has ended. Throws with what it wrote to stderr if it did not end well. */
  stop(): Promise<void>;
}

export class NatsPy {
  readonly #packages: string;

  private constructor(packages: string) {
    this.#packages = packages;
  }

  /** Installs it if need be. Throws ToolMissing without Python or without a way to install packages. */
  static async find(): Promise<NatsPy> {
    const folder = await cachedTool("nats-py", VERSION, async (draft) => {
      const python = await runTool("python3", ["--version"]);
      if (python.code !== 0) throw new ToolMissing("nats-py cannot be used: there is no python3");
      await install(draft);
    });
    return new NatsPy(folder);
  }

  /** Runs a script of `conformance/scripts` to its end and gives what it wrote. */
  async run(script: string, args: readonly string[], options: ToolOptions = {}): Promise<string> {
    return await runWell("python3", [scriptPath(script), ...args], { ...options, env: this.#environment() });
  }

  /** Starts a script that writes `ready` when it serves, and runs until it is stopped. */
  async start(script: string, args: readonly string[]): Promise<RunningScript> {
    const child = spawn("python3", [scriptPath(script), ...args], { env: { ...process.env, ...this.#environment() } });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const ended = once(child, "close");
    const ready = once(child.stdout.setEncoding("utf8"), "data", { signal: AbortSignal.timeout(READY_TIMEOUT_MS) });
    await Promise.race([
      ready,
      ended.then(() => Promise.reject(new Error(`${script} ended at once\n${stderr}`))),
    ]).catch((error: unknown) => {
      child.kill("SIGKILL");
      throw error;
    });
    return {
      pid: child.pid as number,
      stop: async () => {
        child.kill("SIGTERM");
        const timer = setTimeout(() => child.kill("SIGKILL"), END_TIMEOUT_MS);
        const [code, signal] = (await ended) as [number | null, NodeJS.Signals | null];
        clearTimeout(timer);
        if (code !== 0) throw new Error(`${script} ended with ${code ?? signal}\n${stderr}`);
      },
    };
  }

  #environment(): Record<string, string> {
    return { PYTHONPATH: this.#packages, PYTHONUNBUFFERED: "1", PYTHONDONTWRITEBYTECODE: "1" };
  }
}

function scriptPath(script: string): string {
  return fileURLToPath(new URL(join("../scripts", script), import.meta.url));
}

/** By pip if it is there, else by the one that a virtual environment brings along. */
async function install(folder: string): Promise<void> {
  const arguments_ = [
    "-m",
    "pip",
    "install",
    "--quiet",
    "--disable-pip-version-check",
    "--target",
    folder,
    ...PACKAGES,
  ];
  const pip = await runTool("python3", ["-m", "pip", "--version"]);
  if (pip.code === 0) return void (await runWell("python3", arguments_, { timeoutMs: INSTALL_TIMEOUT_MS }));
  const made = await runTool("python3", ["-m", "venv", join(folder, ".pip")], { timeoutMs: INSTALL_TIMEOUT_MS });
  if (made.code !== 0)
    throw new ToolMissing(
      "nats-py cannot be installed: python3 has neither pip nor venv (Debian: apt-get install python3-pip)",
    );
  await runWell(join(folder, ".pip/bin/python"), arguments_, { timeoutMs: INSTALL_TIMEOUT_MS });
}
