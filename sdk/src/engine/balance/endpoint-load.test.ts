import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  DEFAULT_RTT_MS,
  EndpointLoad,
  FAILURE_PENALTY_MS,
  REPORT_TTL_MS,
  RTT_DECAY_MS,
  RTT_FLOOR_MS,
} from "./endpoint-load.ts";

/** An endpoint that answered once, at `nowMs`. */
function measured(rttMs: number, nowMs: number): EndpointLoad {
  const load = new EndpointLoad();
  load.started(nowMs);
  load.finished("success", rttMs, nowMs);
  return load;
}

const near = (a: number, b: number): void =>
  assert.ok(Math.abs(a - b) < 1e-6 * Math.max(1, Math.abs(b)), `${a} is not ${b}`);

describe("EndpointLoad", () => {
  it("costs next to nothing while new and idle, and the default response time once it has work", () => {
    const load = new EndpointLoad();
    near(load.score(0), RTT_FLOOR_MS);
    load.started(0);
    near(load.score(0), (DEFAULT_RTT_MS + RTT_FLOOR_MS) * 2);
  });

  it("takes a peak at once and forgets it by its time constant", () => {
    const load = measured(10, 0);
    load.started(0);
    load.finished("success", 100, 0);
    near(load.rttMs(0), 100);
    near(load.rttMs(RTT_DECAY_MS), 100 / Math.E);
    load.started(RTT_DECAY_MS);
    load.finished("success", 10, RTT_DECAY_MS);
    near(load.rttMs(RTT_DECAY_MS), 100 / Math.E + 10 * (1 - 1 / Math.E));
  });

  it("multiplies by the calls in flight", () => {
    const load = measured(10, 0);
    const idle = load.score(0);
    load.started(0);
    load.started(0);
    near(load.score(0), idle * 3);
    load.finished("abandoned", 0, 0);
    load.finished("abandoned", 0, 0);
    load.finished("abandoned", 0, 0);
    assert.equal(load.inFlight, 0);
  });

  it("does not look attractive after a quick refusal or failure, for some seconds", () => {
    for (const outcome of ["refused", "failure"] as const) {
      const good = measured(50, 0);
      const bad = measured(50, 0);
      bad.started(0);
      bad.finished(outcome, 0.1, 0);
      assert.ok(bad.score(0) > FAILURE_PENALTY_MS);
      assert.ok(bad.score(5_000) > good.score(5_000) * 2);
      assert.ok(bad.score(30_000) < good.score(30_000) + 1);
    }
  });

  it("learns no response time from a refusal, and of an abandoned call only that it took at least so long", () => {
    const load = measured(50, 0);
    load.finished("refused", 0.1, 0);
    near(load.rttMs(0), 50);
    load.finished("abandoned", 10, 0);
    near(load.rttMs(0), 50);
    load.finished("abandoned", 400, 0);
    near(load.rttMs(0), 400);
  });

  it("counts what it reports of others' calls, less and less as the report ages", () => {
    const load = measured(10, 0);
    load.started(0);
    load.reported({ inFlight: 4, queued: 2, loopLagMs: 40 }, 0);
    near(load.outstanding(0), 6);
    near(load.outstanding(REPORT_TTL_MS / 2), 3.5);
    near(load.outstanding(REPORT_TTL_MS * 2), 1);
    near(load.score(0), (10 + 40 + RTT_FLOOR_MS) * 7);
    load.reported({ inFlight: 0, queued: 0, loopLagMs: 0 }, 0);
    near(load.outstanding(0), 1);
  });

  it("always scores a finite number, whatever happens to it and however the clock steps", () => {
    const event = fc.record({
      kind: fc.constantFrom("started", "success", "failure", "refused", "abandoned", "reported"),
      ms: fc.oneof(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.constant(Number.NaN)),
      atMs: fc.integer({ min: 0, max: 1_000_000 }),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const load = new EndpointLoad();
        for (const { kind, ms, atMs } of events) {
          if (kind === "started") load.started(atMs);
          else if (kind === "reported") load.reported({ inFlight: 3, queued: 1, loopLagMs: 2 }, atMs);
          else load.finished(kind, ms, atMs);
          const score = load.score(atMs);
          assert.ok(Number.isFinite(score) && score > 0, String(score));
          assert.ok(load.inFlight >= 0);
        }
      }),
    );
  });
});
