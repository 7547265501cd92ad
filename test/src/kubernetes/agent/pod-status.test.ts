import assert from "node:assert/strict";
import { test } from "node:test";
import { type ContainerStatus, type PodState, phaseOf, podStatus } from "./pod-status.ts";

const NOW = "2026-01-01T00:00:00Z";

function ended(exitCode: number): ContainerStatus {
  const terminated = { exitCode, reason: "", startedAt: NOW, finishedAt: NOW };
  return { state: { terminated }, ready: false, started: false, restartCount: 0 };
}

const READY: ContainerStatus = { state: { running: { startedAt: NOW } }, ready: true, started: true, restartCount: 0 };
const CRASHED: ContainerStatus = {
  state: { waiting: { reason: "CrashLoopBackOff" } },
  ready: false,
  started: false,
  restartCount: 2,
};

type Policy = "Always" | "OnFailure" | "Never";

/** One init container, two others. */
function state(policy: Policy, statuses: Readonly<Record<string, ContainerStatus>>, terminating = false): PodState {
  const container = (name: string) => ({ name, image: "malla" });
  const spec = {
    restartPolicy: policy,
    initContainers: [container("i")],
    containers: [container("a"), container("b")],
  };
  return {
    pod: { metadata: { name: "p" }, spec },
    hostIp: "10.0.0.1",
    podIp: "10.0.0.2",
    startedAt: NOW,
    terminating,
    containers: new Map(Object.entries(statuses)),
  };
}

const DONE = ended(0);
const CASES: readonly (readonly [string, PodState, string])[] = [
  ["nothing has begun", state("Always", {}), "Pending"],
  ["init has failed and is tried again", state("Always", { i: ended(1) }), "Pending"],
  ["init has failed for good", state("Never", { i: ended(1) }), "Failed"],
  ["one runs", state("Always", { i: DONE, a: READY }), "Running"],
  ["one waits to be started again", state("Always", { i: DONE, a: CRASHED }), "Running"],
  ["all have ended and start again", state("Always", { i: DONE, a: DONE, b: DONE }), "Running"],
  ["all have ended well", state("OnFailure", { i: DONE, a: DONE, b: DONE }), "Succeeded"],
  ["one has failed and starts again", state("OnFailure", { i: DONE, a: DONE, b: ended(1) }), "Running"],
  ["one has failed", state("Never", { i: DONE, a: DONE, b: ended(1) }), "Failed"],
  ["one still runs", state("Never", { i: DONE, a: DONE, b: READY }), "Running"],
  ["it was told to end", state("Always", { i: DONE, a: DONE, b: ended(137) }, true), "Failed"],
];

for (const [name, given, want] of CASES) test(`${name}: ${want}`, () => assert.equal(phaseOf(given), want));

test("conditions keep the time of their last change", () => {
  const before = podStatus(state("Always", { i: DONE, a: READY }), [], NOW).conditions;
  const later = podStatus(state("Always", { i: DONE, a: READY, b: READY }), before, "2026-01-01T00:00:09Z").conditions;
  const seen = Object.fromEntries(
    later.map(({ type, status, lastTransitionTime }) => [type, [status, lastTransitionTime]]),
  );
  assert.deepEqual(seen, {
    PodReadyToStartContainers: ["True", NOW],
    Initialized: ["True", NOW],
    ContainersReady: ["True", "2026-01-01T00:00:09Z"],
    Ready: ["True", "2026-01-01T00:00:09Z"],
  });
});
