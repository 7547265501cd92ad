// The status of a pod, from the states of its containers.
import type { Container, Pod } from "./objects.ts";

export type ContainerState =
  | { readonly waiting: { readonly reason: string; readonly message?: string } }
  | { readonly running: { readonly startedAt: string } }
  | { readonly terminated: Terminated };

export interface Terminated {
  readonly exitCode: number;
  readonly reason: string;
  readonly message?: string;
  readonly startedAt: string;
  readonly finishedAt: string;
}

export interface ContainerStatus {
  readonly state: ContainerState;
  readonly lastState?: ContainerState;
  readonly ready: boolean;
  readonly started: boolean;
  readonly restartCount: number;
}

export interface PodState {
  readonly pod: Pod;
  readonly hostIp: string;
  readonly podIp: string | undefined;
  readonly startedAt: string;
  readonly terminating: boolean;
  /** By name of the container, init containers included. */
  readonly containers: ReadonlyMap<string, ContainerStatus>;
}

export interface Condition {
  readonly type: string;
  readonly status: "True" | "False";
  readonly reason?: string;
  readonly lastTransitionTime: string;
}

export type Phase = "Pending" | "Running" | "Succeeded" | "Failed";

export interface PodStatus {
  readonly phase: Phase;
  readonly hostIP: string;
  readonly hostIPs: readonly { readonly ip: string }[];
  readonly podIP?: string;
  readonly podIPs?: readonly { readonly ip: string }[];
  readonly startTime: string;
  readonly conditions: readonly Condition[];
  readonly initContainerStatuses: readonly object[];
  readonly containerStatuses: readonly object[];
}

export const WAITING: ContainerStatus = {
  state: { waiting: { reason: "ContainerCreating" } },
  ready: false,
  started: false,
  restartCount: 0,
};
const INITIALIZING: ContainerStatus = { ...WAITING, state: { waiting: { reason: "PodInitializing" } } };

/** `now` in ISO 8601; a condition that has not changed since `before` keeps its time. */
export function podStatus(state: PodState, before: readonly Condition[], now: string): PodStatus {
  const { pod, podIp, hostIp, startedAt } = state;
  const phase = phaseOf(state);
  const flags = conditionsOf(state, phase);
  return {
    phase,
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    ...(podIp === undefined ? {} : { podIP: podIp, podIPs: [{ ip: podIp }] }),
    startTime: startedAt,
    conditions: Object.entries(flags).map(([type, holds]): Condition => {
      const status = holds ? "True" : "False";
      const old = before.find((condition) => condition.type === type);
      const reason = holds ? {} : { reason: reasonOf(phase) };
      return { type, status, ...reason, lastTransitionTime: old?.status === status ? old.lastTransitionTime : now };
    }),
    initContainerStatuses: (pod.spec.initContainers ?? []).map((container) => statusOf(container, state, WAITING)),
    containerStatuses: pod.spec.containers.map((container) =>
      statusOf(container, state, flags.Initialized ? WAITING : INITIALIZING),
    ),
  };
}

export function phaseOf({ pod, containers, terminating }: PodState): Phase {
  const { restartPolicy = "Always", initContainers = [] } = pod.spec;
  const exits = (of: readonly Container[]): readonly (number | undefined)[] =>
    of.map(({ name }) => exitCodeOf(containers.get(name)));
  const initial = exits(initContainers);
  const codes = exits(pod.spec.containers);
  const restarts = restartPolicy !== "Never" && !terminating;
  if (!restarts && initial.some((code) => code !== undefined && code !== 0)) return "Failed";
  const haveAllEnded = codes.every((code) => code !== undefined);
  if (haveAllEnded && (restartPolicy !== "Always" || terminating)) {
    if (codes.every((code) => code === 0)) return "Succeeded";
    if (!restarts) return "Failed";
  }
  const hasBegun = pod.spec.containers.some(({ name }) => {
    const status = containers.get(name);
    return status !== undefined && (!("waiting" in status.state) || status.restartCount > 0);
  });
  return hasBegun ? "Running" : "Pending";
}

function exitCodeOf(status: ContainerStatus | undefined): number | undefined {
  return status !== undefined && "terminated" in status.state ? status.state.terminated.exitCode : undefined;
}

function conditionsOf({ pod, containers, podIp }: PodState, phase: Phase) {
  const initialized = (pod.spec.initContainers ?? []).every(({ name }) => exitCodeOf(containers.get(name)) === 0);
  const hasEnded = phase === "Succeeded" || phase === "Failed";
  const ready = !hasEnded && pod.spec.containers.every(({ name }) => containers.get(name)?.ready === true);
  return {
    PodReadyToStartContainers: podIp !== undefined && !hasEnded,
    Initialized: initialized,
    ContainersReady: ready,
    Ready: ready,
  };
}

function reasonOf(phase: Phase): string {
  return phase === "Succeeded" ? "PodCompleted" : phase === "Failed" ? "PodFailed" : "ContainersNotReady";
}

function statusOf({ name, image }: Container, { containers }: PodState, initial: ContainerStatus): object {
  const { state, lastState, ready, started, restartCount } = containers.get(name) ?? initial;
  return {
    name,
    image,
    imageID: image,
    state,
    ...(lastState === undefined ? {} : { lastState }),
    ready,
    started,
    restartCount,
  };
}
