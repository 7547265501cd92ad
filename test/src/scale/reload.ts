// Calls while ten thousand rules come into force: how long the router's loop stood still, and the longest call.
import { setTimeout as sleep } from "node:timers/promises";
import { canonicalBytes, contentHash } from "@malla/sdk/resources";
import type { TestMesh } from "../harness/index.ts";
import { policyDocuments } from "./world.ts";

export interface Reload {
  /** Longest delay of the router's event loop, in ms, in as long a time before, and around the change. */
  readonly loopBeforeMs: number;
  readonly loopAroundMs: number;
  /** Longest call, in ms; caller and instance share a process with this script, which delays them too. */
  readonly callBeforeMs: number;
  readonly callAroundMs: number;
  readonly failed: number;
}

const CALL_EVERY_MS = 5;
const BEFORE_MS = 5_000;
const IN_FORCE_WITHIN_MS = 60_000;

export async function watchReload(mesh: TestMesh, metricsPort: number): Promise<Reload> {
  const service = await mesh.service("echo", { get: async () => "" });
  const caller = await mesh.caller("asker");
  const desk = await mesh.desk();
  let longestMs = 0;
  let failed = 0;
  const timer = setInterval(() => {
    const startedAtMs = performance.now();
    caller
      .call("echo", "get", {})
      .catch(() => void failed++)
      .finally(() => {
        longestMs = Math.max(longestMs, performance.now() - startedAtMs);
      });
  }, CALL_EVERY_MS);
  const longest = (): number => {
    const ms = longestMs;
    longestMs = 0;
    return ms;
  };
  try {
    await sleep(BEFORE_MS / 5);
    longest();
    await loopDelayMs(metricsPort);
    await sleep(BEFORE_MS);
    const before = { loopBeforeMs: await loopDelayMs(metricsPort), callBeforeMs: longest() };
    const put = policyDocuments().map((document) => ({
      document,
      bytes: canonicalBytes(document),
      hash: contentHash(document),
    }));
    await desk.write(await desk.read(), { put, remove: [], action: "apply" });
    longest();
    let loopAroundMs = 0;
    const giveUpAtMs = performance.now() + IN_FORCE_WITHIN_MS;
    for (let revision = 0; revision === 0; ) {
      if (performance.now() > giveUpAtMs) throw new Error("the policy did not come into force");
      await sleep(500);
      const text = await metricsOf(metricsPort);
      revision = sampleOf(text, "mesh_config_revision");
      loopAroundMs = Math.max(loopAroundMs, sampleOf(text, "nodejs_eventloop_lag_max_seconds") * 1_000);
    }
    await sleep(500);
    loopAroundMs = Math.max(loopAroundMs, await loopDelayMs(metricsPort));
    return { ...before, loopAroundMs, callAroundMs: longest(), failed };
  } finally {
    clearInterval(timer);
    await sleep(200);
    await mesh.leave(caller);
    await mesh.leave(service);
  }
}

/** Since it was last asked. */
async function loopDelayMs(port: number): Promise<number> {
  return sampleOf(await metricsOf(port), "nodejs_eventloop_lag_max_seconds") * 1_000;
}

async function metricsOf(port: number): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { connection: "close" } });
  return await answer.text();
}

function sampleOf(text: string, name: string): number {
  const line = text.split("\n").find((each) => each.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.slice(name.length + 1));
}
