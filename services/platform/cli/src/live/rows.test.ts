import assert from "node:assert/strict";
import { test } from "node:test";
import { PROTOCOL_VERSION } from "@malla/sdk/contract";
import { Registry } from "@malla/sdk/discovery";
import { type CallCounts, emptyCounts } from "./call-counts.ts";
import { serviceRows } from "./rows.ts";

function registry(
  ...instances: readonly [service: string, id: string, version: string, phase: "serving" | "draining"][]
): Registry {
  const all = new Registry();
  for (const [service, id, version, phase] of instances) {
    const load = { inFlight: 0, queued: 0, loopLagMs: 0 };
    const state = {
      protocol: PROTOCOL_VERSION,
      version,
      tags: {},
      methods: [],
      idempotentMethods: [],
      maxInFlight: 1,
      load,
      phase,
      sentAtMs: 0,
      capabilities: [],
    };
    all.announce("sdk", service, id, state, 0);
  }
  return all;
}

const counts = (calls: number, failed: number): CallCounts =>
  new Map([["cart", { ...emptyCounts(), calls, failed, refused: 4, retries: 2 }]]);

test("rates are of the interval, failures since the beginning, instances by version", () => {
  const present = registry(
    ["cart", "a", "1.0.0", "serving"],
    ["cart", "b", "1.0.0", "serving"],
    ["cart", "c", "2.0.0", "serving"],
    ["cart", "d", "2.0.0", "draining"],
  );
  const [row] = serviceRows(counts(100, 1), counts(300, 3), 2, present);
  assert.deepEqual(
    { ...row, p50Ms: 0, p99Ms: 0 },
    {
      service: "cart",
      callsPerSecond: 100,
      p50Ms: 0,
      p99Ms: 0,
      successPercent: 99,
      refusedPerSecond: 0,
      retriesPerSecond: 0,
      failed: 3,
      instances: "1.0.0 ×2, 2.0.0 ×1",
    },
  );
});

test("a service nobody called and one nobody serves are both there", () => {
  const rows = serviceRows(new Map(), counts(0, 0), 1, registry(["idle", "a", "1.0.0", "serving"]));
  assert.deepEqual(
    rows.map(({ service, instances, successPercent }) => [service, instances, successPercent]),
    [
      ["cart", "-", 100],
      ["idle", "1.0.0 ×1", 100],
    ],
  );
});
