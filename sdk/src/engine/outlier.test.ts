import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { EndpointLoad } from "./balance/endpoint-load.ts";
import { breakerStateOf } from "./breaker.ts";
import { DEFAULT_OUTLIER } from "./default-settings.ts";
import {
  createOutlierGroup,
  createOutlierState,
  eligible,
  type OutlierSettings,
  type OutlierState,
  recordOutcome,
} from "./outlier.ts";

interface Endpoint {
  readonly id: number;
  readonly load: EndpointLoad;
  readonly outlier: OutlierState;
}

function endpoints(count: number): readonly Endpoint[] {
  const group = createOutlierGroup();
  return Array.from({ length: count }, (_, id) => ({
    id,
    load: new EndpointLoad(),
    outlier: createOutlierState(group),
  }));
}

function fail(
  state: OutlierState,
  times: number,
  nowMs: number,
  settings: OutlierSettings = DEFAULT_OUTLIER,
): string | undefined {
  let said: string | undefined;
  for (let i = 0; i < times; i++) said = recordOutcome(state, "failure", settings, nowMs);
  return said;
}

const ids = (list: readonly Endpoint[]): number[] => list.map(({ id }) => id);

describe("recordOutcome", () => {
  it("ejects after five failures in a row, not over a success", () => {
    const state = createOutlierState();
    assert.equal(fail(state, 4, 0), undefined);
    recordOutcome(state, "success", DEFAULT_OUTLIER, 0);
    assert.equal(fail(state, 4, 0), undefined);
    recordOutcome(state, "refused", DEFAULT_OUTLIER, 0);
    recordOutcome(state, "abandoned", DEFAULT_OUTLIER, 0);
    assert.equal(breakerStateOf(state, 0), "closed");
    assert.equal(fail(state, 1, 0), "ejected");
    assert.equal(breakerStateOf(state, 0), "open");
  });

  it("probes after ten seconds and returns by a success", () => {
    const state = createOutlierState();
    fail(state, 5, 1_000);
    assert.equal(breakerStateOf(state, 10_999), "open");
    assert.equal(recordOutcome(state, "success", DEFAULT_OUTLIER, 10_999), undefined);
    assert.equal(breakerStateOf(state, 11_000), "half-open");
    assert.equal(recordOutcome(state, "refused", DEFAULT_OUTLIER, 11_000), undefined);
    assert.equal(recordOutcome(state, "success", DEFAULT_OUTLIER, 11_000), "returned");
    assert.equal(breakerStateOf(state, 11_000), "closed");
    assert.equal(fail(state, 4, 11_001), undefined);
  });

  it("takes longer each time, up to the cap, and forgives with health", () => {
    const state = createOutlierState();
    let nowMs = 0;
    fail(state, 5, nowMs);
    const lengths: number[] = [];
    for (let i = 0; i < 32; i++) {
      lengths.push(state.untilMs - nowMs);
      nowMs = state.untilMs;
      assert.equal(fail(state, 1, nowMs), "ejected");
    }
    assert.deepEqual([...lengths.slice(0, 3), lengths.at(-1)], [10_000, 20_000, 30_000, 300_000]);
    nowMs = state.untilMs;
    recordOutcome(state, "success", DEFAULT_OUTLIER, nowMs);
    fail(state, 5, nowMs + 310_000);
    assert.equal(state.untilMs - nowMs - 310_000, 30_000);
  });

  it("does not lengthen an ejection by late failures", () => {
    const state = createOutlierState();
    fail(state, 5, 0);
    assert.equal(fail(state, 20, 9_999), undefined);
    assert.equal(state.untilMs, 10_000);
  });
});

describe("eligible", () => {
  it("is the list itself while nothing is ejected, and kept while nothing changes", () => {
    const list = endpoints(4);
    assert.equal(eligible(list, 0, DEFAULT_OUTLIER), list);
    fail((list[1] as Endpoint).outlier, 5, 0);
    const left = eligible(list, 1, DEFAULT_OUTLIER);
    assert.deepEqual(ids(left), [0, 2, 3]);
    assert.equal(eligible(list, 9_999, DEFAULT_OUTLIER), left);
  });

  it("sends one call at a time to a half-open endpoint", () => {
    const list = endpoints(3);
    const sick = list[1] as Endpoint;
    fail(sick.outlier, 5, 0);
    assert.deepEqual(ids(eligible(list, 10_000, DEFAULT_OUTLIER)), [1]);
    sick.load.started(10_000);
    assert.deepEqual(ids(eligible(list, 10_001, DEFAULT_OUTLIER)), [0, 2]);
    sick.load.finished("success", 1, 10_002);
    assert.equal(recordOutcome(sick.outlier, "success", DEFAULT_OUTLIER, 10_002), "returned");
    assert.deepEqual(ids(eligible(list, 10_003, DEFAULT_OUTLIER)), [0, 1, 2]);
  });

  it("panics with more than half ejected", () => {
    const list = endpoints(4);
    fail((list[0] as Endpoint).outlier, 5, 0);
    fail((list[1] as Endpoint).outlier, 5, 0);
    assert.deepEqual(ids(eligible(list, 1, DEFAULT_OUTLIER)), [2, 3]);
    fail((list[2] as Endpoint).outlier, 5, 1);
    assert.deepEqual(ids(eligible(list, 1, DEFAULT_OUTLIER)), [0, 1, 2, 3]);
  });

  it("never takes the last one away, even where panic is off", () => {
    const settings = { ...DEFAULT_OUTLIER, panicPercent: 100 };
    const list = endpoints(2);
    fail((list[0] as Endpoint).outlier, 5, 0, settings);
    assert.deepEqual(ids(eligible(list, 1, settings)), [1]);
    fail((list[1] as Endpoint).outlier, 5, 1, settings);
    assert.deepEqual(ids(eligible(list, 2, settings)), [0, 1]);
    const alone = endpoints(1);
    fail((alone[0] as Endpoint).outlier, 5, 0, settings);
    assert.deepEqual(ids(eligible(alone, 1, settings)), [0]);
    assert.deepEqual(eligible([], 1, settings), []);
  });

  it("looks at each list by itself: a destination's only instance stays", () => {
    const list = endpoints(3);
    fail((list[0] as Endpoint).outlier, 5, 0);
    assert.deepEqual(ids(eligible([list[0] as Endpoint], 1, DEFAULT_OUTLIER)), [0]);
    assert.deepEqual(ids(eligible(list, 1, DEFAULT_OUTLIER)), [1, 2]);
  });

  it("holds its promises whatever happens", () => {
    const settings = { consecutiveFailures: 2, baseEjectionMs: 100, maxEjectionMs: 400, panicPercent: 60 };
    const event = fc.record({
      gapMs: fc.integer({ min: 0, max: 60 }),
      which: fc.nat({ max: 5 }),
      outcome: fc.constantFrom("failure", "failure", "success", "refused", "abandoned"),
      start: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.array(event, { maxLength: 80 }), (size, events) => {
        const list = endpoints(size);
        let nowMs = 0;
        for (const { gapMs, which, outcome, start } of events) {
          nowMs += gapMs;
          const endpoint = list[which % size] as Endpoint;
          if (start) endpoint.load.started(nowMs);
          else {
            endpoint.load.finished(outcome, 1, nowMs);
            recordOutcome(endpoint.outlier, outcome, settings, nowMs);
          }
          checkPromises(list, nowMs, settings);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

function checkPromises(list: readonly Endpoint[], nowMs: number, settings: OutlierSettings): void {
  const given = eligible(list, nowMs, settings);
  const states = list.map(({ outlier }) => breakerStateOf(outlier, nowMs));
  const closed = states.filter((state) => state === "closed").length;
  assert.ok(given.length > 0);
  assert.deepEqual(ids(eligible(list, nowMs, settings)), ids(given));
  if (closed === 0 || (list.length - closed) * 100 > settings.panicPercent * list.length) {
    assert.equal(given, list);
    return;
  }
  const free = list.find(({ load }, i) => states[i] === "half-open" && load.inFlight === 0);
  if (free === undefined) assert.ok(given.length === closed && given.every(({ id }) => states[id] === "closed"));
  else assert.deepEqual(ids(given), [free.id]);
}
