// A pod from the moment it is bound to the node until nothing of it is left.
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ApiClient } from "./api-client.ts";
import { ContainerRunner } from "./container-runner.ts";
import { containerSpec } from "./container-spec.ts";
import type { FindImage } from "./images.ts";
import type { Container, Pod } from "./objects.ts";
import { type EnvironmentSources, resolveEnvironment } from "./pod-environment.ts";
import type { PodNetwork } from "./pod-network.ts";
import { PodSandbox } from "./pod-sandbox.ts";
import type { ContainerStatus, PodState } from "./pod-status.ts";
import { PodVolumes } from "./pod-volumes.ts";
import { ServiceAccountTokens } from "./service-account-tokens.ts";
import { StatusPublisher } from "./status-publisher.ts";
import { VolumeMissing } from "./volume-content.ts";

const VOLUME_RETRY_MS = 200;
const GRACE_S = 30;

export interface PodSurroundings {
  readonly client: ApiClient;
  readonly network: PodNetwork;
  readonly findImage: FindImage;
  /** For what the pod has on disk; goes with it. */
  readonly folder: string;
  /** Stays when the pod has gone. */
  readonly logFile: (container: string) => string;
  readonly sources: Pick<
    EnvironmentSources,
    "secret" | "configMap" | "allocatable" | "services" | "apiServer" | "hostIp"
  >;
  readonly claimFolder: (claim: string) => string | undefined;
  readonly say: (line: string) => void;
}

export class PodRunner {
  readonly pod: Pod;
  readonly #around: PodSurroundings;
  readonly #publisher: StatusPublisher;
  readonly #volumes: PodVolumes;
  readonly #runners = new Map<string, ContainerRunner>();
  readonly #statuses = new Map<string, ContainerStatus>();
  readonly #startedAt = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  readonly #stop = new AbortController();
  #sandbox: PodSandbox | undefined;
  #running: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(pod: Pod, around: PodSurroundings) {
    this.pod = pod;
    this.#around = around;
    this.#publisher = new StatusPublisher(around.client, pod, () => this.#state, around.say);
    const tokens = new ServiceAccountTokens(around.client, pod);
    const { sources, claimFolder } = around;
    this.#volumes = new PodVolumes(join(around.folder, "volumes"), pod, {
      ...sources,
      pod,
      claimFolder,
      token: async (projection) => await tokens.get(projection),
      // Read when a file is written: the sandbox is there by then.
      get podIp() {
        return address();
      },
    });
    const address = (): string => this.#sandbox?.address ?? "";
  }

  start(): void {
    this.#running = this.#run().catch((error: unknown) => this.#around.say(String(error)));
  }

  /** A container of it that runs now. */
  container(name: string): ContainerRunner | undefined {
    return this.#runners.get(name);
  }

  /** Something that may be in its volumes has changed. */
  async sync(): Promise<void> {
    if (this.#sandbox !== undefined && !this.#stop.signal.aborted) await this.#volumes.sync();
  }

  /** Ends every container, writes how it ended, and takes down what it had. A second call may only shorten the time. */
  async stop(graceMs: number): Promise<void> {
    this.#stop.abort();
    const containers = Promise.all([...this.#runners.values()].map((runner) => runner.stop(graceMs)));
    this.#stopping ??= containers.then(async () => {
      await this.#running;
      this.#publisher.changed();
      await this.#publisher.flush();
      this.#publisher.close();
      await rm(this.#around.folder, { recursive: true, force: true });
    });
    await containers;
    await this.#stopping;
  }

  async #run(): Promise<void> {
    await mkdir(this.#around.folder, { recursive: true });
    this.#sandbox = await PodSandbox.create(this.pod, this.#around.folder, this.#around.network);
    try {
      this.#publisher.changed();
      await this.#prepareVolumes();
      await this.#runContainers();
    } finally {
      await this.#sandbox.remove();
      this.#sandbox = undefined;
      this.#publisher.changed();
    }
  }

  async #prepareVolumes(): Promise<void> {
    let said = "";
    while (!this.#stop.signal.aborted) {
      try {
        await this.#volumes.prepare();
        return;
      } catch (error) {
        const { message } = error as Error;
        if (!(error instanceof VolumeMissing) || message !== said) this.#around.say(`waits: ${message}`);
        said = message;
        await sleep(VOLUME_RETRY_MS, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      }
    }
  }

  async #runContainers(): Promise<void> {
    const { initContainers = [], containers, restartPolicy = "Always" } = this.pod.spec;
    for (const container of initContainers) {
      if (this.#stop.signal.aborted) return;
      const code = await this.#runner(container).run(restartPolicy === "Never" ? "Never" : "OnFailure");
      if (code !== 0) return;
    }
    if (this.#stop.signal.aborted) return;
    await Promise.all(containers.map(async (container) => await this.#runner(container).run(restartPolicy)));
  }

  #runner(container: Container): ContainerRunner {
    const { sources, findImage, folder, logFile, say } = this.#around;
    const sandbox = this.#sandbox as PodSandbox;
    const runner = new ContainerRunner({
      container,
      address: sandbox.address,
      graceMs: (this.pod.spec.terminationGracePeriodSeconds ?? GRACE_S) * 1000,
      configure: async () =>
        containerSpec({
          pod: this.pod,
          container,
          findImage,
          sandbox,
          mounts: await this.#volumes.mounts(container),
          environment: resolveEnvironment({ ...sources, pod: this.pod, container, podIp: sandbox.address }),
          rootFolder: join(folder, "roots", container.name),
          log: logFile(container.name),
        }),
      onStatus: (status) => {
        this.#statuses.set(container.name, status);
        this.#publisher.changed();
      },
      say: (line) => say(`${container.name}: ${line}`),
    });
    this.#runners.set(container.name, runner);
    return runner;
  }

  get #state(): PodState {
    return {
      pod: this.pod,
      hostIp: this.#around.sources.hostIp,
      podIp: this.#sandbox?.address,
      startedAt: this.#startedAt,
      terminating: this.#stop.signal.aborted,
      containers: this.#statuses,
    };
  }
}
