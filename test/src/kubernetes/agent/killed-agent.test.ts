// Of an agent that is killed nothing stays but a bridge, and the next one takes that down.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually, startProgram } from "../../harness/index.ts";
import { nodesOrSkip } from "../harness/index.ts";
import { PodNetwork } from "./pod-network.ts";

const PROGRAM = fileURLToPath(new URL("./programs/hold-pod.ts", import.meta.url));

interface Held {
  readonly folder: string;
  readonly bridge: string;
}

/** Processes that see the root folder of a container of that agent. */
function processesIn(folder: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/mountinfo`, "utf8").includes(` ${folder}/root `);
    } catch {
      return false;
    }
  });
}

test("a killed agent leaves no process, no mount and no network", { skip: nodesOrSkip().skip }, async () => {
  const program = await startProgram<Held>(PROGRAM, {});
  const { folder, bridge } = program.ready;
  const inside = () => processesIn(folder);
  assert.ok(inside().length > 0, "its container runs");
  assert.ok(Object.hasOwn(networkInterfaces(), bridge));
  await program.end("SIGKILL");
  await eventually(() => assert.deepEqual(inside(), []));
  const network = await PodNetwork.create();
  assert.ok(!Object.hasOwn(networkInterfaces(), bridge), "the bridge of one that is gone is taken down");
  await network.remove();
  assert.ok(!Object.hasOwn(networkInterfaces(), network.bridge));
  await rm(folder, { recursive: true });
});
