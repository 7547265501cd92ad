import type { Cell, Measurement } from "../cell.ts";
import type { Contender } from "../contender.ts";
import { NotHere } from "../not-here.ts";
import type { RunOrder } from "../orders.ts";
import { type MeshWay, startMeshWay } from "./malla-mesh.ts";

/** A caller goes past the router once it holds the policy, which a router sends it within a second or two. */
const DIRECT_WITHIN_MS = 5_000;
const PROBE: Cell = { mode: "closed", payloadBytes: 16, concurrency: 1, rate: 0, depth: 1 };

export const mallaDirect: Contender = {
  name: "malla-direct",
  about: "Malla past its router: the same policy in the caller",
  tls: "broker",
  start: async (site, depth) => {
    const way = await startMeshWay(site, { depth, role: "direct" });
    await untilDirect(way);
    return way;
  },
};

/** Throws NotHere if calls still go through the router. */
async function untilDirect({ caller, metricsPort }: MeshWay): Promise<void> {
  const until = performance.now() + DIRECT_WITHIN_MS;
  const order: RunOrder = { cell: PROBE, warmUpMs: 0, durationMs: 200, others: [] };
  while (performance.now() < until) {
    const before = await carried(metricsPort);
    const { calls, failed, firstError } = await caller.tell<Measurement>(order);
    if (failed > 0) throw new Error(`${failed} of ${calls} calls failed: ${firstError}`);
    if (calls > 0 && (await carried(metricsPort)) === before) return;
  }
  throw new NotHere("its SDK sends no direct calls: all of them still went through the router");
}

/** Calls the router has carried so far. */
async function carried(metricsPort: number): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
  const lines = (await answer.text()).split("\n").filter((line) => line.startsWith("mesh_requests_total{"));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}
