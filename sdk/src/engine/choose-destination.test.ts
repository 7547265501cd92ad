import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Destination } from "../contract/index.ts";
import { chooseDestination } from "./choose-destination.ts";
import type { CompiledDestination } from "./destination.ts";
import { call, policyOf, routeDocument, seededRandom } from "./documents.test.fixture.ts";
import { matchRoute } from "./match-route.ts";
import type { CompiledRoute } from "./policy.ts";

const everywhere = (): boolean => true;

function routeOf(destinations: readonly Destination[], name = "r"): CompiledRoute {
  const route = matchRoute(policyOf(routeDocument(name, { match: { service: "s" }, destinations })), call("p", "s.m"));
  assert.ok(route !== undefined);
  return route;
}

function weights(...list: readonly number[]): readonly Destination[] {
  return list.map((weight, i) => ({ version: `${i}.x`, weight }));
}

/** Share of each destination over many draws. */
function shares(
  route: CompiledRoute,
  draws: number,
  keyed: boolean,
  hasInstances: (d: CompiledDestination) => boolean = everywhere,
): number[] {
  const counts = new Array<number>(route.destinations.length).fill(0);
  const random = seededRandom(5);
  for (let i = 0; i < draws; i++) {
    const chosen = chooseDestination(route, keyed ? `user-${i}` : undefined, random(), hasInstances);
    if (chosen !== undefined) counts[chosen.index] = (counts[chosen.index] as number) + 1;
  }
  return counts.map((count) => count / draws);
}

describe("chooseDestination", () => {
  for (const keyed of [false, true]) {
    it(`gives each its share, drawn by ${keyed ? "key" : "chance"}`, () => {
      const positive = fc
        .array(fc.integer({ min: 0, max: 1_000 }), { minLength: 1, maxLength: 5 })
        .filter((list) => list.some((weight) => weight > 0));
      fc.assert(
        fc.property(positive, (list) => {
          const route = routeOf(weights(...list));
          const total = list.reduce((sum, weight) => sum + weight, 0);
          shares(route, 4_000, keyed).forEach((share, i) => {
            const want = (list[i] as number) / total;
            assert.ok(Math.abs(share - want) < 0.04, `share ${share}, weight ${want}`);
            if (want === 0) assert.equal(share, 0);
          });
        }),
        { numRuns: 40 },
      );
    });
  }

  it("takes every number in [0, 1) and its edges", () => {
    const route = routeOf(weights(1, 0, 2, 0));
    const drawn = [0, 0.33, 0.34, 0.999_999_999, 1].map(
      (random01) => chooseDestination(route, undefined, random01, everywhere)?.index,
    );
    assert.deepEqual(drawn, [0, 0, 2, 2, 2]);
  });

  it("sends a key the same way whatever chance says and however often it is compiled", () => {
    fc.assert(
      fc.property(fc.string(), fc.double({ min: 0, max: 0.999, noNaN: true }), (key, random01) => {
        const first = chooseDestination(routeOf(weights(50, 50)), key, 0.1, everywhere)?.index;
        assert.equal(chooseDestination(routeOf(weights(50, 50)), key, random01, everywhere)?.index, first);
      }),
      { numRuns: 200 },
    );
  });

  it("moves only the keys whose share moved", () => {
    const before = routeOf(weights(90, 10));
    const after = routeOf(weights(80, 20));
    let moved = 0;
    for (let i = 0; i < 5_000; i++) {
      const was = chooseDestination(before, `user-${i}`, 0, everywhere)?.index;
      const is = chooseDestination(after, `user-${i}`, 0, everywhere)?.index;
      if (was === 1) assert.equal(is, 1);
      if (was !== is) moved++;
    }
    assert.ok(moved > 350 && moved < 650, `${moved} of 5000 keys moved, 500 were to`);
  });

  it("does not pick the same users in two Routes", () => {
    const [a, b] = [routeOf(weights(50, 50), "a"), routeOf(weights(50, 50), "b")];
    let same = 0;
    for (let i = 0; i < 2_000; i++) {
      if (
        chooseDestination(a, `user-${i}`, 0, everywhere)?.index ===
        chooseDestination(b, `user-${i}`, 0, everywhere)?.index
      )
        same++;
    }
    assert.ok(same > 850 && same < 1_150, `${same} of 2000 agree`);
  });

  it("refuses the share of a destination without instances", () => {
    const onlyFirst = (destination: CompiledDestination): boolean => destination.index === 0;
    const route = routeOf(weights(50, 50));
    const [first, second] = shares(route, 4_000, false, onlyFirst);
    assert.equal(second, 0);
    assert.ok(Math.abs((first as number) - 0.5) < 0.04);
  });

  it("spreads it over the others by their weights with failover any", () => {
    const route = routeOf([
      { version: "0.x", weight: 50, failover: "any" },
      { version: "1.x", weight: 30 },
      { version: "2.x", weight: 10 },
      { version: "3.x", weight: 0 },
    ]);
    for (const keyed of [false, true]) {
      const [gone, second, third, standby] = shares(route, 8_000, keyed, ({ index }) => index !== 0) as [
        number,
        number,
        number,
        number,
      ];
      assert.equal(gone + standby, 0);
      assert.ok(Math.abs(second - 0.75) < 0.03 && Math.abs(third - 0.25) < 0.03, `${second} ${third}`);
    }
  });

  it("falls back to a standby of weight 0, and to nothing", () => {
    const route = routeOf([
      { version: "1.x", weight: 1, failover: "any" },
      { version: "2.x", weight: 0 },
    ]);
    assert.equal(chooseDestination(route, undefined, 0.5, everywhere)?.index, 0);
    assert.equal(chooseDestination(route, undefined, 0.5, ({ index }) => index === 1)?.index, 1);
    assert.equal(
      chooseDestination(route, undefined, 0.5, () => false),
      undefined,
    );
  });

  it("sends all to all instances where a Route names no destination", () => {
    const [all] = routeOf([]).destinations;
    assert.equal(all?.accepts("anything", {}), true);
    assert.equal(chooseDestination(routeOf([]), undefined, 0.5, everywhere)?.index, 0);
  });
});

describe("a destination", () => {
  const accepts = (
    destination: Omit<Destination, "weight">,
    version: string,
    tags: Record<string, string> = {},
  ): boolean | undefined => routeOf([{ weight: 1, ...destination }]).destinations[0]?.accepts(version, tags);

  it("takes versions by npm range, and the same answer again", () => {
    const [destination] = routeOf([{ weight: 1, version: "1.x" }]).destinations as readonly [CompiledDestination];
    for (let round = 0; round < 2; round++) {
      assert.deepEqual(
        ["1.0.0", "1.9.3", "2.0.0", "1.4.0-rc.1", "", "latest"].map((version) => destination.accepts(version, {})),
        [true, true, false, false, false, false],
      );
    }
    for (let i = 0; i < 2_000; i++) assert.equal(destination.accepts(`${i % 3}.${i}.0`, {}), i % 3 === 1);
    assert.equal(accepts({ version: ">=1.4.0-rc <2" }, "1.4.0-rc.1"), true);
    assert.equal(accepts({}, "no version at all"), true);
  });

  it("takes instances that have all its tags", () => {
    assert.equal(accepts({ tags: { zone: "a" } }, "1.0.0", { zone: "a", disk: "ssd" }), true);
    assert.equal(accepts({ tags: { zone: "a", disk: "ssd" } }, "1.0.0", { zone: "a" }), false);
    assert.equal(accepts({ tags: { constructor: "x" } }, "1.0.0"), false);
  });

  it("is called by what it asks for, and is no rewrite if it stays in its service", () => {
    const [here, there, all] = routeOf([
      { service: "s", version: "2.x", weight: 1 },
      { service: "other", tags: { zone: "a" }, weight: 1 },
      { weight: 1 },
    ]).destinations;
    assert.deepEqual([here?.label, here?.service], ["2.x", undefined]);
    assert.deepEqual([there?.label, there?.service], ["other zone=a", "other"]);
    assert.equal(all?.label, "");
  });
});
