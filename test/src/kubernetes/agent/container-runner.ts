// One container of a pod through its lives: configured, started, probed, ended, started again, stopped.
import { setTimeout as sleep } from "node:timers/promises";
import { ContainerProcess, type ContainerSpec } from "./container-process.ts";
import type { Container } from "./objects.ts";
import { ConfigMissing } from "./pod-environment.ts";
import { type ContainerState, type ContainerStatus, WAITING } from "./pod-status.ts";
import { runProbes } from "./probe-loop.ts";
import { NEVER_RESTARTED, shouldRestart, takeRestart } from "./restart-delay.ts";
import { runHandler } from "./run-handler.ts";

const CONFIG_RETRY_MS = 250;
/** Whatever a hook took of the time to end in good order, so much is left for the signal. */
const LEAST_GRACE_MS = 2_000;

export interface ContainerSurroundings {
  readonly container: Container;
  /** Of the pod. */
  readonly address: string;
  /** Of the pod, for a container that its liveness probe ends. */
  readonly graceMs: number;
  /** Throws ConfigMissing while something it needs is not there. */
  readonly configure: () => Promise<ContainerSpec>;
  readonly onStatus: (status: ContainerStatus) => void;
  /** Told what a person would look for. */
  readonly say: (line: string) => void;
}

export class ContainerRunner {
  readonly #around: ContainerSurroundings;
  readonly #stop = new AbortController();
  #status: ContainerStatus = WAITING;
  #process: ContainerProcess | undefined;

  constructor(around: ContainerSurroundings) {
    this.#around = around;
  }

  get process(): ContainerProcess | undefined {
    return this.#process;
  }

  /** Resolves to its exit code when it has ended for good; nothing if it was stopped before it ever ran. */
  async run(policy: "Always" | "OnFailure" | "Never"): Promise<number | undefined> {
    let restarts = NEVER_RESTARTED;
    for (;;) {
      const spec = await this.#configure();
      if (spec === undefined) return undefined;
      const startedMs = performance.now();
      const code = await this.#live(spec);
      if (this.#stopped || !shouldRestart(policy, code)) return code;
      const { delayMs, next } = takeRestart(restarts, performance.now() - startedMs);
      restarts = next;
      await this.#backOff(code, delayMs);
      if (this.#stopped) return code;
    }
  }

  /** Ends it for good: hook, SIGTERM, and SIGKILL when the time is up. Resolves when it has ended. */
  async stop(graceMs: number): Promise<void> {
    this.#stop.abort();
    await this.#terminate(graceMs);
  }

  get #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  async #configure(): Promise<ContainerSpec | undefined> {
    while (!this.#stopped) {
      try {
        return await this.#around.configure();
      } catch (error) {
        const reason = error instanceof ConfigMissing ? "CreateContainerConfigError" : "CreateContainerError";
        this.#setState({ waiting: { reason, message: (error as Error).message } });
        await this.#pause(CONFIG_RETRY_MS);
      }
    }
    return undefined;
  }

  /** From its start to its end. */
  async #live(spec: ContainerSpec): Promise<number> {
    const startedAt = new Date().toISOString();
    const probing = new AbortController();
    let probes: Promise<void> | undefined;
    let code: number;
    try {
      this.#process = await ContainerProcess.start(spec);
      this.#setState({ running: { startedAt } });
      probes = this.#probe(this.#process, probing.signal);
      code = await this.#process.ended;
    } catch (error) {
      this.#around.say(`did not start: ${(error as Error).message}`);
      code = 128;
    }
    probing.abort();
    await probes;
    const reason = code === 0 ? "Completed" : "Error";
    if (code !== 0) this.#around.say(`ended with ${code}`);
    this.#process = undefined;
    this.#setState({ terminated: { exitCode: code, reason, startedAt, finishedAt: new Date().toISOString() } });
    return code;
  }

  async #probe(process: ContainerProcess, signal: AbortSignal): Promise<void> {
    const { container, address, graceMs, say } = this.#around;
    const target = { container, process, address };
    const listener = {
      onStarted: () => this.#set({ started: true }),
      onReady: (ready: boolean) => this.#set({ ready }),
      onDead: (reason: string) => {
        say(reason);
        void this.#terminate(graceMs);
      },
    };
    await runProbes(target, listener, signal);
  }

  async #terminate(graceMs: number): Promise<void> {
    const { container, address, say } = this.#around;
    const process = this.#process;
    if (process === undefined) return;
    const untilMs = performance.now() + graceMs;
    const { preStop } = container.lifecycle ?? {};
    if (preStop !== undefined && graceMs > 0) {
      const reason = await Promise.race([runHandler(preStop, { container, process, address }, graceMs), process.ended]);
      if (typeof reason === "string") say(`preStop: ${reason}`);
    }
    process.kill("SIGTERM");
    const leftMs = graceMs === 0 ? 0 : Math.max(LEAST_GRACE_MS, untilMs - performance.now());
    const killer = setTimeout(() => process.kill("SIGKILL"), leftMs);
    await process.ended.catch(() => undefined);
    clearTimeout(killer);
  }

  async #backOff(code: number, delayMs: number): Promise<void> {
    const lastState = this.#status.state;
    const message = `ended with ${code}, again in ${delayMs} ms`;
    this.#status = { ...this.#status, lastState, restartCount: this.#status.restartCount + 1 };
    if (delayMs === 0) return;
    this.#setState({ waiting: { reason: "CrashLoopBackOff", message } });
    await this.#pause(delayMs);
  }

  #setState(state: ContainerState): void {
    const { reason: old } = "waiting" in this.#status.state ? this.#status.state.waiting : {};
    if ("waiting" in state && state.waiting.reason === old) return;
    this.#set({ state, ready: false, started: false });
    if ("waiting" in state) this.#around.say(`${state.waiting.reason}: ${state.waiting.message ?? ""}`);
  }

  #set(change: Partial<ContainerStatus>): void {
    this.#status = { ...this.#status, ...change };
    this.#around.onStatus(this.#status);
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }
}
