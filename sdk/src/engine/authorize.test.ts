import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { AccessPolicyDocument } from "../contract/index.ts";
import { authorize, isOpen } from "./authorize.ts";
import { compile } from "./compile.ts";
import { accessArbitrary, accessDocument, call, callArbitrary, policyOf } from "./documents.test.fixture.ts";
import { naiveAuthorize } from "./naive-match.test.fixture.ts";
import { emptyPolicy } from "./policy.ts";

const onlyWeb = accessDocument("only-web", { rules: [{ principals: ["web"] }] });
const noGuest = accessDocument("no-guest", { action: "deny", rules: [{ principals: ["guest"] }] });
const audit = (document: AccessPolicyDocument): AccessPolicyDocument => ({
  ...document,
  spec: { ...document.spec, mode: "audit" },
});
const enforced = ({ spec }: AccessPolicyDocument): boolean => spec.mode === "enforce";

describe("authorize", () => {
  const cases = [
    { name: "nothing guards", documents: [], principal: "guest", want: { allowed: true, rule: "open", audited: [] } },
    {
      name: "allowed by name",
      documents: [onlyWeb],
      principal: "web",
      want: { allowed: true, rule: "only-web", audited: [] },
    },
    {
      name: "allowed by nobody",
      documents: [onlyWeb],
      principal: "guest",
      want: { allowed: false, rule: "default-deny (catalog allows only what only-web allows)", audited: [] },
    },
    {
      name: "denied by name",
      documents: [noGuest],
      principal: "guest",
      want: { allowed: false, rule: "no-guest", audited: [] },
    },
    {
      name: "not denied, but the denial closes the service",
      documents: [noGuest],
      principal: "web",
      want: {
        allowed: false,
        rule: "default-deny (no-guest closes catalog, and no policy allows anybody)",
        audited: [],
      },
    },
    {
      name: "an audited denial that would close the service",
      documents: [audit(noGuest)],
      principal: "web",
      want: { allowed: true, rule: "open", audited: ["no-guest"] },
    },
    {
      name: "a denial stands before a permission",
      documents: [accessDocument("a-everybody", {}), noGuest],
      principal: "guest",
      want: { allowed: false, rule: "no-guest", audited: [] },
    },
    {
      name: "an audited denial",
      documents: [audit(noGuest)],
      principal: "guest",
      want: { allowed: true, rule: "open", audited: ["no-guest"] },
    },
    {
      name: "an audited permission that would close",
      documents: [audit(onlyWeb)],
      principal: "guest",
      want: { allowed: true, rule: "open", audited: ["only-web"] },
    },
    {
      name: "an audited permission that would allow as well",
      documents: [audit(onlyWeb)],
      principal: "web",
      want: { allowed: true, rule: "open", audited: [] },
    },
    {
      name: "an audited permission that would open",
      documents: [onlyWeb, audit(accessDocument("guests-too", { rules: [{ principals: ["guest"] }] }))],
      principal: "guest",
      want: {
        allowed: false,
        rule: "default-deny (catalog allows only what only-web allows)",
        audited: ["guests-too"],
      },
    },
  ];
  for (const { name, documents, principal, want } of cases) {
    it(`decides: ${name}`, () => {
      assert.deepEqual(authorize(policyOf(...documents), call(principal, "catalog.list")), want);
    });
  }

  it("takes a rule only if all it names match", () => {
    const rules = [{ principals: ["web*"], methods: ["get*"], headers: { "x-a": { prefix: "1" } } }];
    const policy = policyOf(accessDocument("p", { rules }));
    const allowed = (principal: string, method: string, value: string): boolean =>
      authorize(policy, call(principal, `catalog.${method}`, { "x-a": value })).allowed;
    assert.equal(allowed("web-2", "getAll", "12"), true);
    assert.equal(allowed("cron", "getAll", "12"), false);
    assert.equal(allowed("web-2", "put", "12"), false);
    assert.equal(allowed("web-2", "getAll", "2"), false);
  });

  it("lets nobody through an empty list of principals, and everybody through no rule", () => {
    assert.equal(
      authorize(policyOf(accessDocument("p", { rules: [{ principals: [] }] })), call("web", "catalog.list")).allowed,
      false,
    );
    assert.equal(authorize(policyOf(accessDocument("p", { rules: [] })), call("web", "catalog.list")).allowed, true);
  });

  it("names at most three policies in a default denial", () => {
    const documents = ["a", "b", "c", "d", "e"].map((name) =>
      accessDocument(name, { rules: [{ principals: [name] }] }),
    );
    const { rule } = authorize(policyOf(...documents), call("web", "catalog.list"));
    assert.equal(rule, "default-deny (catalog allows only what a, b, c and 2 more allow)");
  });

  it("agrees with the plain reading of the rules", () => {
    fc.assert(
      fc.property(accessArbitrary, fc.array(callArbitrary, { minLength: 1, maxLength: 8 }), (documents, calls) => {
        const { policy } = compile(documents, 1);
        for (const facts of calls) {
          const { allowed, rule } = authorize(policy, facts);
          const want = naiveAuthorize(documents, facts, enforced);
          assert.deepEqual({ allowed, rule: rule.startsWith("default-deny (") ? "default-deny" : rule }, want);
        }
      }),
      { numRuns: 1_500 },
    );
  });

  it("lists what an audited policy would have turned", () => {
    fc.assert(
      fc.property(accessArbitrary, callArbitrary, (documents, facts) => {
        const decision = authorize(compile(documents, 1).policy, facts);
        const all = naiveAuthorize(documents, facts, () => true);
        // Enforcing everything turns an allowed call if and only if some policy in audit mode would.
        if (decision.allowed) assert.equal(decision.audited.length > 0, !all.allowed);
        for (const name of decision.audited) {
          const mode = documents.find(({ metadata }) => metadata.name === name)?.spec.mode;
          assert.equal(mode, "audit");
        }
        if (!decision.allowed && decision.audited.length > 0) {
          const permitting = naiveAuthorize(
            documents,
            facts,
            (document) => enforced(document) || document.spec.action === "allow",
          );
          assert.equal(permitting.allowed, true);
        }
      }),
      { numRuns: 1_500 },
    );
  });

  it("answers from what was made before: a decision allocates nothing", () => {
    const policy = policyOf(onlyWeb, noGuest);
    for (const principal of ["web", "guest", "cron"]) {
      assert.equal(
        authorize(policy, call(principal, "catalog.list")),
        authorize(policy, call(principal, "catalog.list")),
      );
    }
  });
});

describe("isOpen", () => {
  it("is true until a policy is in force", () => {
    assert.equal(isOpen(emptyPolicy, "catalog"), true);
    assert.equal(isOpen(policyOf(noGuest), "catalog"), false);
    assert.equal(isOpen(policyOf(audit(onlyWeb)), "catalog"), true);
    assert.equal(isOpen(policyOf(onlyWeb), "catalog"), false);
    assert.equal(isOpen(policyOf(onlyWeb), "orders"), true);
  });
});
