import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { namespaceProblem, type SpokenFor } from "./namespace-problem.ts";
import { document, route } from "./resource.test.fixture.ts";

const OWNERS = new Map([["payments", "shop"]]);
const names: SpokenFor = {
  claimed: [...OWNERS.keys()],
  refusal: (namespace, service) => {
    const owner = OWNERS.get(service);
    return owner === undefined || owner === namespace ? undefined : `service ${service} belongs to another namespace`;
  },
};

describe("a namespace", () => {
  it("speaks for its own services, and for those that nobody has", () => {
    for (const kind of ["AccessPolicy", "ServicePolicy"]) {
      assert.equal(namespaceProblem(document(kind, "a", { service: "payments" }), "shop", names), undefined);
      assert.equal(namespaceProblem(document(kind, "a", { service: "free" }), "other", names), undefined);
    }
  });

  it("does not speak for services of others, however they are named", () => {
    const policy = document("AccessPolicy", "a", { service: "payments" });
    assert.match(namespaceProblem(policy, "other", names) ?? "", /^spec\.service: service payments belongs/);
    const plain = route("a", { match: { service: "payments" } });
    assert.match(namespaceProblem(plain, "other", names) ?? "", /^spec\.match\.service: /);
    const bySubject = route("a", { match: { subject: "payments.*" } });
    assert.match(namespaceProblem(bySubject, "other", names) ?? "", /^spec\.match\.subject: service payments/);
  });

  it("does not reach them by a wildcard, nor learns their names by it", () => {
    for (const subject of [">", "*.Charge"]) {
      const wide = route("a", { match: { subject } });
      const problem = namespaceProblem(wide, "other", names) ?? "";
      assert.match(problem, /^spec\.match\.subject: Route\/a reaches services of other namespaces/);
      assert.doesNotMatch(problem, /payments|shop/);
      assert.equal(namespaceProblem(wide, "shop", names), undefined);
      assert.equal(namespaceProblem(wide, "other", { ...names, claimed: [] }), undefined);
    }
  });
});
