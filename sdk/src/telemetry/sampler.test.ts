import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseSampler, isSampled } from "./sampler.ts";
import { TraceIdSource } from "./trace-context.ts";

const problems: string[] = [];
const note = (problem: string) => void problems.push(problem);

const table = [
  { env: {}, want: { parentBased: true, ratio: 1 } },
  { env: { OTEL_TRACES_SAMPLER: "always_on" }, want: { parentBased: false, ratio: 1 } },
  { env: { OTEL_TRACES_SAMPLER: "always_off" }, want: { parentBased: false, ratio: 0 } },
  { env: { OTEL_TRACES_SAMPLER: "parentbased_always_off" }, want: { parentBased: true, ratio: 0 } },
  {
    env: { OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.25" },
    want: { parentBased: true, ratio: 0.25 },
  },
  {
    env: { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0" },
    want: { parentBased: false, ratio: 0 },
  },
];

for (const { env, want } of table) {
  test(`sampler from ${JSON.stringify(env)}`, () => assert.deepEqual(chooseSampler(undefined, env, note), want));
}

test("a ratio in code wins and must be one", () => {
  assert.deepEqual(chooseSampler(0.5, { OTEL_TRACES_SAMPLER: "always_off" }, note), { parentBased: true, ratio: 0.5 });
  for (const ratio of [-0.1, 1.1, Number.NaN])
    assert.throws(() => chooseSampler(ratio, {}, note), /sampleRatio: 0 to 1/);
});

test("nonsense in the environment is told and records every trace", () => {
  problems.length = 0;
  for (const env of [
    { OTEL_TRACES_SAMPLER: "jaeger" },
    { OTEL_TRACES_SAMPLER: "traceidratio" },
    { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "2" },
  ]) {
    assert.equal(chooseSampler(undefined, env, note).ratio, 1);
  }
  assert.equal(problems.length, 3);
});

test("a parent-based sampler follows the parent, the others the trace id", () => {
  const ids = new TraceIdSource((pool) => pool.fill(0x42));
  const parent = { traceId: `${"f".repeat(8)}${"0".repeat(24)}`, spanId: "1".repeat(16), sampled: true };
  assert.equal(isSampled({ parentBased: true, ratio: 0 }, parent, ids), true);
  assert.equal(isSampled({ parentBased: true, ratio: 1 }, { ...parent, sampled: false }, ids), false);
  assert.equal(isSampled({ parentBased: false, ratio: 0.5 }, parent, ids), false);
  assert.equal(isSampled({ parentBased: false, ratio: 1 }, { ...parent, sampled: false }, ids), true);
  assert.equal(isSampled({ parentBased: true, ratio: 0 }, undefined, ids), false);
});
