import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { MeshDocument, RouteSpec, ServicePolicySpec } from "../contract/index.ts";
import { authorize, isOpen } from "./authorize.ts";
import { chooseDestination } from "./choose-destination.ts";
import { compile } from "./compile.ts";
import {
  accessArbitrary,
  accessDocument,
  call,
  callArbitrary,
  policyOf,
  routeDocument,
  routesArbitrary,
  serviceDocument,
} from "./documents.test.fixture.ts";
import { matchRoute } from "./match-route.ts";
import { emptyPolicy } from "./policy.ts";
import { settingsOf } from "./service-settings.ts";

const retries = { attempts: 2, on: ["unavailable"], backoff: {}, budget: { percent: 20, minPerSecond: 10 } } as const;
const route = (spec: Partial<RouteSpec>, name = "r"): MeshDocument =>
  routeDocument(name, { match: { service: "a" }, ...spec });
const subject = (given: string): MeshDocument => route({ match: { subject: given } });
const service = (spec: Partial<ServicePolicySpec>, name = "s"): MeshDocument =>
  serviceDocument(name, { service: "a", ...spec });
const backwards = (documents: readonly MeshDocument[]): readonly MeshDocument[] => [...documents].reverse();

/** What is wrong, as `severity document path: message`. */
const findings: readonly { name: string; documents: readonly MeshDocument[]; want: RegExp }[] = [
  {
    name: "a bad range",
    documents: [route({ destinations: [{ weight: 1 }, { version: "one", weight: 1 }] })],
    want: /^error Route\/r spec\.destinations\[1\]\.version: "one" is no npm version range/,
  },
  {
    name: "weights of zero",
    documents: [route({ destinations: [{ weight: 0 }] })],
    want: /^error Route\/r spec\.destinations: all weights are zero/,
  },
  {
    name: "a weight that is none",
    documents: [route({ destinations: [{ weight: Number.NaN }] })],
    want: /^error Route\/r spec\.destinations\[0\]\.weight: .* not NaN/,
  },
  {
    name: "a bad regex",
    documents: [route({ match: { service: "a", headers: { "x-a": { regex: "(a+" } } } })],
    want: /^error Route\/r spec\.match\.headers\.x-a\.regex: the expression has a \( without/,
  },
  {
    name: "look-around",
    documents: [accessDocument("p", { rules: [{}, { headers: { "x-a": { regex: "(?!a)" } } }] })],
    want: /^error AccessPolicy\/p spec\.rules\[1\]\.headers\.x-a\.regex: .*linear time/,
  },
  {
    name: "two ways to match a header",
    documents: [route({ match: { service: "a", headers: { "x-a": { exact: "1", prefix: "2" } } } })],
    want: /^error Route\/r spec\.match\.headers\.x-a: exactly one .* exact and prefix are set/,
  },
  {
    name: "no way to match a header",
    documents: [route({ match: { service: "a", headers: { "x-a": {} } } })],
    want: /none is set/,
  },
  {
    name: "a header named twice",
    documents: [route({ match: { service: "a", headers: { "x-a": { present: true }, "X-A": { exact: "1" } } } })],
    want: /^error Route\/r spec\.match\.headers\.X-A: .* twice/,
  },
  {
    name: "subject and service",
    documents: [route({ match: { subject: "a.*", service: "a" } })],
    want: /^error Route\/r spec\.match: subject stands instead/,
  },
  {
    name: "neither subject nor service",
    documents: [route({ match: {} })],
    want: /^error Route\/r spec\.match: service or subject is needed/,
  },
  {
    name: "a subject of one token",
    documents: [subject("a")],
    want: /^error Route\/r spec\.match\.subject: "a" has one token/,
  },
  { name: "a subject of one star", documents: [subject("*")], want: /has one token/ },
  { name: "a subject of three tokens", documents: [subject("a.b.c")], want: /more than two tokens/ },
  { name: "a subject whose rest is too far", documents: [subject("a.b.>")], want: /more than two tokens/ },
  { name: "a rest that is not at the end", documents: [subject(">.a")], want: /> before its end/ },
  { name: "a star inside a token", documents: [subject("a.get*")], want: /wildcard inside the token get\*/ },
  { name: "an empty token", documents: [subject("a.")], want: /empty token/ },
  {
    name: "a rewrite to no method name",
    documents: [route({ rewrite: { method: "a.b" } })],
    want: /^error Route\/r spec\.rewrite\.method/,
  },
  {
    name: "a timeout of nothing",
    documents: [route({ timeoutMs: 0 })],
    want: /^error Route\/r spec\.timeoutMs: .*above 0, not 0/,
  },
  {
    name: "a try as long as the call",
    documents: [route({ timeoutMs: 100, perTryTimeoutMs: 100 })],
    want: /^warning Route\/r spec\.perTryTimeoutMs/,
  },
  {
    name: "two back-offs",
    documents: [
      route({ retries: { ...retries, backoff: { fixed: { delayMs: 1 }, exponential: { baseMs: 1, capMs: 2 } } } }),
    ],
    want: /^error Route\/r spec\.retries\.backoff: .* both are set/,
  },
  {
    name: "a cap below its base",
    documents: [service({ retries: { ...retries, backoff: { exponential: { baseMs: 9, capMs: 2 } } } })],
    want: /^warning ServicePolicy\/s spec\.retries\.backoff\.exponential\.capMs/,
  },
  {
    name: "attempts that are no number",
    documents: [service({ retries: { ...retries, attempts: 1.5 } })],
    want: /^error ServicePolicy\/s spec\.retries\.attempts/,
  },
  {
    name: "retries on nothing",
    documents: [service({ retries: { ...retries, on: [] } })],
    want: /^warning ServicePolicy\/s spec\.retries\.on/,
  },
  {
    name: "a share above all",
    documents: [
      service({ outlierDetection: { consecutiveFailures: 1, baseEjectionMs: 1, maxEjectionMs: 1, panicPercent: 101 } }),
    ],
    want: /^error ServicePolicy\/s spec\.outlierDetection\.panicPercent/,
  },
  {
    name: "one name twice",
    documents: [route({}), route({ match: { service: "b" } })],
    want: /^error Route\/r metadata\.name: stands twice/,
  },
  {
    name: "two policies for a service",
    documents: [service({}), service({}, "t")],
    want: /^error ServicePolicy\/t spec\.service: ServicePolicy\/s speaks for a already/,
  },
  {
    name: "a method listed twice",
    documents: [route({ match: { service: "a", methods: ["b", "b"] } })],
    want: /^warning Route\/r spec\.match\.methods\[1\]/,
  },
  {
    name: "a match of nobody",
    documents: [route({ match: { service: "a", principals: [] } })],
    want: /^warning Route\/r spec\.match\.principals/,
  },
  {
    name: "a destination named twice",
    documents: [
      route({
        destinations: [
          { version: "1.x", weight: 1 },
          { version: "1.x", weight: 2 },
        ],
      }),
    ],
    want: /^warning Route\/r spec\.destinations\[1\]: the same instances/,
  },
  {
    name: "a destination nobody names",
    documents: [route({ destinations: [{ service: "zz", weight: 1 }] })],
    want: /^warning Route\/r spec\.destinations\[0\]\.service: no other document names zz/,
  },
  {
    name: "a Route behind an equal one",
    documents: [route({}), route({ match: { subject: "a.>" } }, "q")],
    want: /^warning Route\/r spec\.match: never wins: Route\/q/,
  },
  {
    name: "a Route behind all of its principals",
    documents: [
      route({ match: { service: "a", principals: ["x", "y"] } }, "q"),
      route({ match: { service: "a", principals: ["y"] } }),
    ],
    want: /^warning Route\/r .*never wins/,
  },
  {
    name: "services sent to each other",
    documents: [
      route({ destinations: [{ service: "b", weight: 1 }] }),
      route({ match: { service: "b" }, destinations: [{ service: "a", weight: 1 }] }, "q"),
    ],
    want: /^warning Route\/q spec\.destinations\[0\]\.service: a is itself sent on to b/,
  },
  {
    name: "a condition of a newer version",
    documents: [route({ match: { service: "a", claims: {} } as never })],
    want: /^error Route\/r spec\.match\.claims: is no condition/,
  },
  {
    name: "a denial without a permission",
    documents: [accessDocument("p", { action: "deny" })],
    want: /^warning AccessPolicy\/p spec\.action: .*closes it to all/,
  },
];

describe("compile", () => {
  for (const { name, documents, want } of findings) {
    it(`says: ${name}`, () => {
      const said = compile(documents, 1).problems.map(
        ({ severity, document, path, message }) => `${severity} ${document} ${path}: ${message}`,
      );
      assert.equal(said.filter((line) => want.test(line)).length, 1, said.join("\n"));
    });
  }

  it("says nothing of what is right", () => {
    const documents = [
      route({
        match: { service: "a", methods: ["list", "get*"], headers: { "x-a": { regex: "v[12]" } } },
        destinations: [
          { version: "1.x", weight: 90 },
          { service: "b", weight: 10 },
        ],
      }),
      route({ match: { service: "a", methods: ["list"], principals: ["web"] } }, "q"),
      route({ match: { service: "a", methods: ["list"], principals: ["cron"] } }, "p"),
      subject(">"),
      service({ retries: { ...retries, backoff: { exponential: { baseMs: 25, capMs: 250 } } } }),
      serviceDocument("b", { service: "b" }),
      accessDocument("p", { service: "a", rules: [{ principals: ["web"] }] }),
      accessDocument("q", { service: "a", action: "deny", rules: [{ principals: ["guest"] }] }),
    ];
    // `subject` makes a Route of the same name.
    const named = documents.map((document, i) => ({ ...document, metadata: { name: `d${i}` } }) as MeshDocument);
    assert.deepEqual(compile(named, 1).problems, []);
  });

  it("stamps the revision and freezes what it made", () => {
    const { policy } = compile([route({}), accessDocument("p", {}), service({})], 42);
    assert.equal(policy.revision, 42);
    const route1 = matchRoute(policy, call("web", "a.list"));
    for (const made of [
      policy,
      policy.routes,
      route1,
      route1?.destinations,
      policy.access.get("catalog"),
      policy.settings.get("a"),
      emptyPolicy,
    ]) {
      assert.ok(made !== undefined && Object.isFrozen(made));
    }
  });

  it("knows every service a document names", () => {
    const policy = policyOf(
      routeDocument("r1", { match: { service: "a" }, destinations: [{ service: "b", weight: 1 }] }),
      routeDocument("r2", { match: { subject: "c.*" } }),
      routeDocument("r3", { match: { subject: "*.list" } }),
      routeDocument("r4", { match: { subject: ">" } }),
      serviceDocument("s", { service: "d" }),
      accessDocument("p", { service: "e" }),
    );
    assert.deepEqual([...policy.services].sort(), ["a", "b", "c", "d", "e"]);
  });

  it("leaves a wrong Route out and keeps the others", () => {
    const { policy } = compile(
      [route({ destinations: [{ version: "?", weight: 1 }] }), route({ match: { subject: ">" } }, "other")],
      1,
    );
    assert.equal(matchRoute(policy, call("web", "a.list"))?.name, "other");
    assert.ok(policy.services.has("a"));
  });

  it("keeps the default of a wrong setting and the rest of its policy", () => {
    const { policy } = compile([service({ timeoutMs: -1, maxInFlight: 3 })], 1);
    assert.deepEqual([settingsOf(policy, "a").timeoutMs, settingsOf(policy, "a").maxInFlight], [10_000, 3]);
  });

  describe("closes where an AccessPolicy is wrong", () => {
    const broken = { headers: { "x-a": { regex: "(" } } };
    const allowed = (documents: readonly MeshDocument[], principal = "web"): boolean =>
      authorize(compile(documents, 1).policy, call(principal, "catalog.list")).allowed;

    it("a broken permission permits nobody, its other rules hold", () => {
      assert.equal(allowed([accessDocument("p", { rules: [broken] })]), false);
      assert.equal(allowed([accessDocument("p", { rules: [broken, { principals: ["web"] }] })]), true);
    });

    it("a broken denial denies everybody", () => {
      assert.equal(
        allowed([accessDocument("p", { rules: [] }), accessDocument("q", { action: "deny", rules: [broken] })]),
        false,
      );
    });

    it("a broken denial in audit mode denies nobody", () => {
      assert.equal(
        allowed([
          accessDocument("p", { rules: [] }),
          accessDocument("q", { action: "deny", mode: "audit", rules: [broken] }),
        ]),
        true,
      );
    });

    it("the second of one name guards its service and permits nobody", () => {
      const documents = [
        accessDocument("p", { service: "orders" }),
        accessDocument("p", { rules: [{ principals: ["web"] }] }),
      ];
      assert.equal(allowed(documents), false);
      assert.equal(isOpen(compile(documents, 1).policy, "catalog"), false);
    });

    it("rules that are no list, and rules that are nothing", () => {
      for (const rules of [
        undefined,
        null,
        "all",
        [null],
        [7],
        [{ principals: 7 }],
        [{ headers: 7 }],
        [{ methods: {} }],
        [{ claims: {} }],
      ]) {
        const spec = { service: "catalog", action: "allow", mode: "enforce", rules } as never;
        const { policy, problems } = compile([{ ...accessDocument("p", {}), spec }], 1);
        assert.ok(
          problems.some(({ severity }) => severity === "error"),
          JSON.stringify(rules),
        );
        assert.equal(authorize(policy, call("web", "catalog.list")).allowed, false, JSON.stringify(rules));
      }
    });
  });

  it("takes anything at all without throwing, and decides by it without throwing", () => {
    const kind = fc.constantFrom("Route", "ServicePolicy", "AccessPolicy", "Other", "constructor");
    const field = fc.constantFrom(
      ...[
        "match",
        "destinations",
        "rewrite",
        "timeoutMs",
        "perTryTimeoutMs",
        "retries",
        "service",
        "subject",
        "methods",
        "headers",
        "principals",
      ],
      ...[
        "loadBalancer",
        "idempotentMethods",
        "outlierDetection",
        "maxInFlight",
        "maxPriority",
        "critical",
        "direct",
        "plainMethods",
        "action",
        "mode",
        "rules",
        "weight",
      ],
      ...[
        "version",
        "tags",
        "failover",
        "attempts",
        "on",
        "backoff",
        "budget",
        "fixed",
        "exponential",
        "exact",
        "prefix",
        "regex",
        "present",
      ],
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4, depthSize: "small" },
        fc.constantFrom<unknown>(
          undefined,
          null,
          true,
          0,
          -1,
          1,
          2.5,
          Number.NaN,
          Number.POSITIVE_INFINITY,
          "",
          "a",
          "a.*",
          ">",
          "*",
          "1.x",
          "(a",
          "deny",
          "audit",
        ),
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(field, tie("value"), { maxKeys: 6 }),
      ),
    }));
    const document = fc.oneof(
      {
        arbitrary: fc.record({
          kind,
          metadata: fc.record({ name: fc.constantFrom("a", "b"), createdAt: value }),
          spec: fc.dictionary(field, value, { maxKeys: 8 }),
        }),
        weight: 6,
      },
      { arbitrary: value, weight: 1 },
    );
    fc.assert(
      fc.property(fc.array(document, { maxLength: 6 }), callArbitrary, (documents, facts) => {
        const { policy, problems } = compile(documents as never, 1);
        for (const { document: label, path, message } of problems)
          assert.ok(typeof label === "string" && typeof path === "string" && message !== "");
        const found = matchRoute(policy, facts);
        if (found !== undefined) {
          const destination = chooseDestination(found, "key", 0.5, () => true);
          assert.ok(destination !== undefined);
          destination.accepts("1.0.0", {});
        }
        authorize(policy, facts);
        settingsOf(policy, facts.service, found).isIdempotent(facts.method);
      }),
      { numRuns: 4_000 },
    );
  });

  it("finds a Route shadowed only if it wins no call", () => {
    fc.assert(
      fc.property(routesArbitrary, fc.array(callArbitrary, { minLength: 20, maxLength: 60 }), (documents, calls) => {
        const { policy, problems } = compile(documents, 1);
        const shadowed = new Set(
          problems.filter(({ message }) => message.startsWith("never wins")).map(({ document }) => document),
        );
        for (const facts of calls) assert.ok(!shadowed.has(`Route/${matchRoute(policy, facts)?.name}`));
      }),
      { numRuns: 500 },
    );
  });

  it("says the same whatever order the documents stand in", () => {
    fc.assert(
      fc.property(accessArbitrary, callArbitrary, (documents, facts) => {
        assert.deepEqual(
          authorize(compile(documents, 1).policy, facts),
          authorize(compile(backwards(documents), 1).policy, facts),
        );
      }),
      { numRuns: 300 },
    );
  });
});
