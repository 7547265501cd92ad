import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { RouteDocument } from "../contract/index.ts";
import { compile } from "./compile.ts";
import { call, callArbitrary, policyOf, routeDocument, routesArbitrary } from "./documents.test.fixture.ts";
import { matchRoute } from "./match-route.ts";
import { naiveMatchRoute } from "./naive-match.test.fixture.ts";
import { emptyPolicy } from "./policy.ts";

const OLD = "2024-01-01T00:00:00Z";
const NEW = "2025-01-01T00:00:00Z";

/** Precedence in pairs: `wins` beats `loses` whichever is written first. */
const precedence: readonly {
  name: string;
  wins: RouteDocument;
  loses: RouteDocument;
  facts?: ReturnType<typeof call>;
}[] = [
  {
    name: "a named service before an open subject, even one with an exact method",
    wins: routeDocument("z", { match: { service: "catalog" } }),
    loses: routeDocument("a", { match: { subject: "*.list" } }),
  },
  {
    name: "an exact method before a pattern with more conditions",
    wins: routeDocument("z", { match: { service: "catalog", methods: ["list"] } }),
    loses: routeDocument("a", {
      match: { service: "catalog", methods: ["l*"], principals: ["web"], headers: { "x-a": { present: false } } },
    }),
  },
  {
    name: "more literal characters before fewer",
    wins: routeDocument("z", { match: { service: "catalog", methods: ["*ist"] } }),
    loses: routeDocument("a", { match: { service: "catalog", methods: ["li*"] } }),
  },
  {
    name: "a pattern before every method",
    wins: routeDocument("z", { match: { service: "catalog", methods: ["l*"] } }),
    loses: routeDocument("a", { match: { subject: "catalog.*" } }),
  },
  {
    name: "more conditions before fewer",
    wins: routeDocument(
      "z",
      { match: { service: "catalog", principals: ["web"], headers: { "x-a": { exact: "1" } } } },
      NEW,
    ),
    loses: routeDocument("a", { match: { service: "catalog", headers: { "x-a": { exact: "1" } } } }, OLD),
  },
  {
    name: "the older one",
    wins: routeDocument("z", { match: { service: "catalog" } }, OLD),
    loses: routeDocument("a", { match: { service: "catalog" } }, NEW),
  },
  {
    name: "a known age before an unknown one",
    wins: routeDocument("z", { match: { service: "catalog" } }, NEW),
    loses: routeDocument("a", { match: { service: "catalog" } }),
  },
  {
    name: "the first by name",
    wins: routeDocument("a", { match: { service: "catalog" } }, OLD),
    loses: routeDocument("z", { match: { service: "catalog" } }, OLD),
  },
];

describe("matchRoute", () => {
  for (const { name, wins, loses } of precedence) {
    it(`prefers ${name}`, () => {
      const facts = call("web", "catalog.list", { "x-a": "1" });
      const withoutHeader = call("web", "catalog.list");
      for (const documents of [
        [wins, loses],
        [loses, wins],
      ]) {
        const policy = policyOf(...documents);
        const found = matchRoute(policy, facts) ?? matchRoute(policy, withoutHeader);
        assert.equal(found?.name, wins.metadata.name);
      }
      // The loser does match: alone, it wins.
      const alone = policyOf(loses);
      assert.equal((matchRoute(alone, facts) ?? matchRoute(alone, withoutHeader))?.name, loses.metadata.name);
    });
  }

  it("finds nothing where nothing matches", () => {
    const policy = policyOf(
      routeDocument("r", { match: { service: "catalog", methods: ["list"], principals: ["web"] } }),
    );
    assert.equal(matchRoute(policy, call("web", "catalog.lists")), undefined);
    assert.equal(matchRoute(policy, call("guest", "catalog.list")), undefined);
    assert.equal(matchRoute(policy, call("web", "orders.list")), undefined);
    assert.equal(matchRoute(emptyPolicy, call("web", "catalog.list")), undefined);
  });

  it("reads header names in any case", () => {
    const policy = policyOf(
      routeDocument("r", { match: { service: "catalog", headers: { "X-Beta": { exact: "yes" } } } }),
    );
    assert.equal(matchRoute(policy, call("web", "catalog.list", { "x-BETA": "yes" }))?.name, "r");
    assert.equal(matchRoute(policy, call("web", "catalog.list", { "x-beta": "Yes" })), undefined);
  });

  it("never mistakes a name for something of the language", () => {
    const policy = policyOf(routeDocument("r", { match: { service: "catalog", methods: ["list"] } }));
    for (const name of ["constructor", "toString", "__proto__"]) {
      assert.equal(matchRoute(policy, call("web", `${name}.${name}`)), undefined);
      assert.equal(matchRoute(policy, call("web", `catalog.${name}`)), undefined);
    }
  });

  it("agrees with the plain reading of the rules", () => {
    fc.assert(
      fc.property(routesArbitrary, fc.array(callArbitrary, { minLength: 1, maxLength: 12 }), (documents, calls) => {
        const { policy } = compile(documents, 1);
        for (const facts of calls) assert.equal(matchRoute(policy, facts)?.name, naiveMatchRoute(documents, facts));
      }),
      { numRuns: 1_500 },
    );
  });

  it("bears any number of Routes that ask for the same", () => {
    const same = {
      service: "s",
      methods: ["m*"],
      principals: ["web"],
      headers: { "x-a": { exact: "1" }, "x-b": { present: true } },
    };
    const documents = Array.from({ length: 500 }, (_, i) =>
      routeDocument(`r${String(i).padStart(3, "0")}`, { match: same }),
    );
    const facts = call("web", "s.m1", { "x-a": "1", "x-b": "" });
    assert.equal(matchRoute(compile(documents, 1).policy, facts)?.name, "r000");
    assert.equal(matchRoute(compile(documents, 1).policy, call("web", "s.m1", { "x-a": "1" })), undefined);
  });

  it("does not depend on the order of the documents", () => {
    fc.assert(
      fc.property(routesArbitrary, callArbitrary, (documents, facts) => {
        const forwards = matchRoute(compile(documents, 1).policy, facts)?.name;
        assert.equal(matchRoute(compile([...documents].reverse(), 1).policy, facts)?.name, forwards);
      }),
      { numRuns: 300 },
    );
  });

  it("finds one among ten thousand of any shape", () => {
    const shapes: Readonly<Record<string, (i: number) => RouteDocument["spec"]["match"]>> = {
      methods: (i) => ({ service: "s", methods: [`m${i}`] }),
      prefixes: (i) => ({ service: "s", methods: [`m${i}q*`] }),
      suffixes: (i) => ({ service: "s", methods: [`*q${i}`] }),
      principals: (i) => ({ service: "s", methods: ["m"], principals: [`p${i}`] }),
      headers: (i) => ({ service: "s", headers: { "x-a": { exact: `v${i}` } } }),
      "header prefixes": (i) => ({ service: "s", headers: { "x-a": { prefix: `v${i}-` } } }),
      pairs: (i) => ({ service: "s", methods: [`m${i % 100}`], principals: [`p${Math.floor(i / 100)}`] }),
    };
    const facts: Readonly<Record<string, (i: number) => ReturnType<typeof call>>> = {
      methods: (i) => call("web", `s.m${i}`),
      prefixes: (i) => call("web", `s.m${i}qrs`),
      suffixes: (i) => call("web", `s.xq${i}`),
      principals: (i) => call(`p${i}`, "s.m"),
      headers: (i) => call("web", "s.m", { "x-a": `v${i}` }),
      "header prefixes": (i) => call("web", "s.m", { "x-a": `v${i}-x` }),
      pairs: (i) => call(`p${Math.floor(i / 100)}`, `s.m${i % 100}`),
    };
    for (const [shape, matchOf] of Object.entries(shapes)) {
      const { policy } = compile(
        Array.from({ length: 10_000 }, (_, i) => routeDocument(`r${i}`, { match: matchOf(i) })),
        1,
      );
      for (const i of [0, 17, 1_234, 9_999]) {
        let asked = 0;
        const given = (facts[shape] as (i: number) => ReturnType<typeof call>)(i);
        const counted = {
          ...given,
          header(name: string): string | undefined {
            asked++;
            return given.header(name);
          },
        };
        assert.equal(matchRoute(policy, counted)?.name, `r${i}`, shape);
        assert.ok(asked < 10, `${shape}: asked for a header ${asked} times`);
      }
    }
  });
});
