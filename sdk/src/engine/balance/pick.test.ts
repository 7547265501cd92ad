import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { seededRandom } from "../documents.test.fixture.ts";
import { EndpointLoad } from "./endpoint-load.ts";
import { type Balancer, type BalancerKind, createBalancer, pick } from "./pick.ts";

const KINDS: readonly BalancerKind[] = ["p2c", "round-robin", "random", "least-request"];

interface Endpoint {
  readonly id: number;
  readonly load: EndpointLoad;
}

function endpoints(...inFlight: readonly number[]): Endpoint[] {
  return inFlight.map((count, id) => {
    const load = new EndpointLoad();
    load.started(0);
    load.finished("success", 10, 0);
    for (let i = 0; i < count; i++) load.started(0);
    return { id, load };
  });
}

function counts(
  balancer: Balancer,
  list: readonly Endpoint[],
  draws: number,
  avoid?: (endpoint: Endpoint) => boolean,
): number[] {
  const random = seededRandom(11);
  const picked = list.map(() => 0);
  for (let i = 0; i < draws; i++) {
    const endpoint = pick(balancer, list, 0, random, avoid) as Endpoint;
    picked[endpoint.id] = (picked[endpoint.id] as number) + 1;
  }
  return picked;
}

describe("pick", () => {
  for (const kind of KINDS) {
    describe(kind, () => {
      it("finds nothing in nothing, and the only one", () => {
        const balancer = createBalancer(kind);
        assert.equal(
          pick(balancer, [], 0, () => 0.5),
          undefined,
        );
        const [only] = endpoints(3) as [Endpoint];
        assert.equal(
          pick(balancer, [only], 0, () => 0.999),
          only,
        );
        assert.equal(
          pick(
            balancer,
            [only],
            0,
            () => 0.5,
            () => true,
          ),
          only,
        );
      });

      it("never picks one without room, and always one if any has room", () => {
        const some = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 12 });
        fc.assert(
          fc.property(some, fc.integer({ min: 1, max: 1e6 }), fc.boolean(), (inFlight, seed, byCapacity) => {
            const list = endpoints(...inFlight);
            const balancer = createBalancer(kind, byCapacity ? undefined : 2);
            if (byCapacity) for (const { load } of list) load.capacity = 2;
            const picked = pick(balancer, list, 0, seededRandom(seed));
            if (inFlight.every((count) => count >= 2)) assert.equal(picked, undefined);
            else assert.ok(picked !== undefined && picked.load.inFlight < 2);
          }),
          { numRuns: 500 },
        );
      });

      it("picks what is to be avoided only if nothing else has room", () => {
        const some = fc.array(fc.record({ full: fc.boolean(), tried: fc.boolean() }), { minLength: 1, maxLength: 10 });
        fc.assert(
          fc.property(some, fc.integer({ min: 1, max: 1e6 }), (facts, seed) => {
            const list = endpoints(...facts.map(({ full }) => (full ? 1 : 0)));
            const avoid = ({ id }: Endpoint): boolean => facts[id]?.tried === true;
            const picked = pick(createBalancer(kind, 1), list, 0, seededRandom(seed), avoid);
            const fresh = facts.some(({ full, tried }) => !full && !tried);
            if (fresh) assert.ok(picked !== undefined && !avoid(picked));
            else
              assert.equal(
                picked === undefined,
                facts.every(({ full }) => full),
              );
          }),
          { numRuns: 500 },
        );
      });

      it("spreads evenly over equals, and bears chance at its very edge", () => {
        for (const count of counts(createBalancer(kind), endpoints(1, 1, 1, 1), 4_000))
          assert.ok(count > 850 && count < 1_150, String(count));
        assert.ok(pick(createBalancer(kind), endpoints(0, 0, 0), 0, () => 1) !== undefined);
      });
    });
  }

  it("takes turns in round-robin, also when the list changes", () => {
    const balancer = createBalancer("round-robin");
    const list = endpoints(0, 0, 0);
    const ids = (from: readonly Endpoint[], times: number): (number | undefined)[] =>
      Array.from({ length: times }, () => pick(balancer, from, 0, () => 0)?.id);
    assert.deepEqual(ids(list, 4), [0, 1, 2, 0]);
    assert.deepEqual(ids(list.slice(0, 2), 3), [1, 0, 1]);
  });

  it("prefers the lower score of two in p2c: the most loaded of all is never picked", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 0, max: 50 }), { minLength: 2, maxLength: 8 }),
        fc.integer({ min: 1, max: 1e6 }),
        (inFlight, seed) => {
          const list = endpoints(...inFlight);
          const random = seededRandom(seed);
          for (const kind of ["p2c", "least-request"] as const) {
            for (let i = 0; i < 20; i++)
              assert.notEqual(pick(createBalancer(kind), list, 0, random)?.load.inFlight, Math.max(...inFlight));
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it("gives a slow endpoint less", () => {
    const list = endpoints(0, 0, 0);
    (list[1] as Endpoint).load.finished("success", 200, 0);
    const [, slow] = counts(createBalancer("p2c"), list, 300) as [number, number];
    assert.equal(slow, 0);
    // `least-request` knows nothing of time.
    const [, same] = counts(createBalancer("least-request"), list, 300) as [number, number];
    assert.ok(same > 50);
  });

  it("brings work to where it is done faster, in a simulation", () => {
    const serviceMs = [10, 10, 40];
    const list = endpoints(0, 0, 0);
    const random = seededRandom(3);
    const done = [0, 0, 0];
    const running: { id: number; begunMs: number; endMs: number }[] = [];
    for (let nowMs = 0; nowMs < 60_000; nowMs += 2) {
      for (let i = running.length - 1; i >= 0; i--) {
        const call = running[i] as (typeof running)[number];
        if (call.endMs > nowMs) continue;
        running.splice(i, 1);
        (list[call.id] as Endpoint).load.finished("success", nowMs - call.begunMs, nowMs);
        done[call.id] = (done[call.id] as number) + 1;
      }
      const { id, load } = pick(createBalancer("p2c"), list, nowMs, random) as Endpoint;
      load.started(nowMs);
      running.push({ id, begunMs: nowMs, endMs: nowMs + (serviceMs[id] as number) * (0.5 + random()) });
    }
    const [a, b, slow] = done as [number, number, number];
    assert.ok(slow > 300, `the slow one is not starved: ${slow}`);
    assert.ok(a > slow * 2 && b > slow * 2, `${a}, ${b}, ${slow}`);
  });
});
