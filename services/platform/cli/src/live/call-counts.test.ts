import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addCounts, countCalls, quantileMs, totalCounts } from "./call-counts.ts";
import type { Sample } from "./prometheus-text.ts";

function requests(value: number, labels: Record<string, string>): Sample {
  return { name: "mesh_requests_total", labels: { reporter: "router", service: "catalog", ...labels }, value };
}

test("the application's own no is refused, every other failure is the mesh's, and only routers count", () => {
  const counts = countCalls([
    requests(90, { code: "OK", reason: "" }),
    requests(6, { code: "NOT_FOUND", reason: "application" }),
    requests(3, { code: "UNAVAILABLE", reason: "gone" }),
    requests(1, { code: "UNKNOWN", reason: "handler" }),
    requests(1_000, { code: "OK", reason: "", reporter: "instance" }),
    { name: "mesh_retries_total", labels: { service: "catalog", reason: "gone" }, value: 4 },
    { name: "mesh_requests_in_flight", labels: { reporter: "router", service: "catalog" }, value: 5 },
  ]);
  const { calls, refused, failed, retries } = totalCounts(counts);
  assert.deepEqual({ calls, refused, failed, retries }, { calls: 100, refused: 6, failed: 4, retries: 4 });
});

test("buckets of several label sets add up", () => {
  const bucket = (le: string, value: number, code: string): Sample => ({
    name: "mesh_request_duration_seconds_bucket",
    labels: { reporter: "router", service: "catalog", code, le },
    value,
  });
  const counts = countCalls([
    bucket("0.01", 1, "OK"),
    bucket("+Inf", 2, "OK"),
    bucket("0.01", 3, "GONE"),
    bucket("+Inf", 3, "GONE"),
  ]);
  assert.deepEqual(
    [...(counts.get("catalog")?.buckets ?? [])],
    [
      [0.01, 4],
      [Number.POSITIVE_INFINITY, 5],
    ],
  );
});

test("quantiles are interpolated within their bucket", () => {
  const buckets = new Map([
    [0.01, 50],
    [0.1, 90],
    [1, 100],
    [Number.POSITIVE_INFINITY, 100],
  ]);
  const cases: readonly [number, number][] = [
    [0.25, 5],
    [0.5, 10],
    [0.7, 55],
    [0.9, 100],
    [0.95, 550],
    [1, 1000],
  ];
  for (const [quantile, want] of cases) assert.ok(Math.abs(quantileMs(buckets, quantile) - want) < 1e-6, `${quantile}`);
});

test("without calls a quantile is 0, and beyond the last bound it is that bound", () => {
  assert.equal(quantileMs(new Map(), 0.5), 0);
  assert.equal(
    quantileMs(
      new Map([
        [0.01, 0],
        [Number.POSITIVE_INFINITY, 0],
      ]),
      0.99,
    ),
    0,
  );
  assert.equal(
    quantileMs(
      new Map([
        [0.01, 1],
        [Number.POSITIVE_INFINITY, 10],
      ]),
      0.99,
    ),
    10,
  );
});

test("a quantile lies within the bounds and never falls as it rises", () => {
  const histogram = fc.array(fc.nat(50), { minLength: 3, maxLength: 3 }).map(([a = 0, b = 0, c = 0]) => {
    const buckets: [number, number][] = [
      [0.01, a],
      [0.1, a + b],
      [1, a + b + c],
      [Number.POSITIVE_INFINITY, a + b + c],
    ];
    return new Map(buckets);
  });
  fc.assert(
    fc.property(
      histogram,
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (buckets, a, b) => {
        const [low, high] = [quantileMs(buckets, Math.min(a, b)), quantileMs(buckets, Math.max(a, b))];
        assert.ok(low >= 0 && low <= high + 1e-9 && high <= 1000, `${low} ${high}`);
      },
    ),
  );
});

test("subtracting what was before leaves what came after", () => {
  const before = countCalls([requests(5, { code: "OK" })]);
  const after = countCalls([requests(9, { code: "OK" })]);
  assert.equal(totalCounts(addCounts(addCounts(new Map(), after), before, -1)).calls, 4);
  assert.equal(totalCounts(after).calls, 9, "nothing that was given was changed");
});
