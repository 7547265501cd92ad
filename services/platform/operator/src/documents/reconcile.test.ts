import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { documentName, ownerOf } from "@malla/sdk/resources";
import fc from "fast-check";
import { isEmpty, LAST_GOOD_STAYS, type ReconcileInput, reconcile } from "./reconcile.ts";
import { document, OLD, owner, route, stored, wish, YOUNG } from "./resource.test.fixture.ts";

const policy = (name: string, service: string) => document("ServicePolicy", name, { service });
/** Valid by its schema; the engine finds the header named twice. */
const broken = (name: string) =>
  route(name, { match: { service: "catalog", headers: { a: { regex: "(x{1000}){1000}" } } } });

function run(input: Partial<ReconcileInput>) {
  return reconcile({ wanted: [], standing: new Map(), present: [], isWatched: () => true, ...input });
}

function names({ change }: ReturnType<typeof run>) {
  return { put: change.put.map(({ document: one }) => documentName(one)), remove: change.remove };
}

describe("one resource", () => {
  it("is put with its owner, and accepted", () => {
    const result = run({ wanted: [wish(owner("a"), route("a"))] });
    assert.deepEqual(names(result), { put: ["Route/a"], remove: [] });
    assert.equal(ownerOf(result.change.put[0]?.document as never), owner("a"));
    assert.equal(result.outcomes.get(owner("a"))?.verdict.type, "accepted");
  });

  it("is left alone when it is there already", () => {
    const result = run({ wanted: [wish(owner("a"), route("a"))], present: [stored(route("a"), owner("a"))] });
    assert.ok(isEmpty(result.change));
    assert.equal(result.outcomes.get(owner("a"))?.inPolicy.size, 1);
  });

  it("is written again when somebody changed it by hand", () => {
    const other = stored(route("a", { match: { service: "cart" } }), owner("a"));
    assert.deepEqual(names(run({ wanted: [wish(owner("a"), route("a"))], present: [other] })).put, ["Route/a"]);
  });

  it("takes its document with it when it goes", () => {
    assert.deepEqual(names(run({ present: [stored(route("a"), owner("a"))] })), { put: [], remove: ["Route/a"] });
  });

  it("leaves its document when its wish cannot be read", () => {
    const present = [stored(route("a"), owner("a"))];
    assert.ok(isEmpty(run({ present, standing: new Map([[owner("a"), OLD]]) }).change));
  });
});

describe("owners", () => {
  it("a document of `malla apply` is never touched, and the resource is told how to get it", () => {
    const present = [stored(route("a", { match: { service: "cart" } }))];
    const result = run({ wanted: [wish(owner("a"), route("a"))], present });
    assert.ok(isEmpty(result.change));
    const { verdict } = result.outcomes.get(owner("a")) ?? assert.fail();
    assert.equal(verdict.type, "conflict");
    assert.match(
      verdict.message,
      /Route\/a belongs to whoever uses `malla apply`.*malla\.dev\/take-over=true.*malla delete/,
    );
  });

  it("a resource that says so takes it over without a gap", () => {
    const wanted = [{ ...wish(owner("a"), route("a")), takeOver: true }];
    assert.deepEqual(names(run({ wanted, present: [stored(route("a"))] })), { put: ["Route/a"], remove: [] });
  });

  it("documents of `malla apply` that nobody wants stay", () => {
    assert.ok(isEmpty(run({ present: [stored(route("a"))] }).change));
  });

  it("documents of resources that are not watched stay, and are not taken", () => {
    const isWatched = (by: string) => by.startsWith("kubernetes/shop/");
    const present = [stored(route("a"), owner("a", "other"))];
    assert.ok(isEmpty(run({ present, isWatched }).change));
    const { outcomes } = run({ wanted: [wish(owner("a"), route("a"))], present, isWatched });
    assert.match(outcomes.get(owner("a"))?.verdict.message ?? "", /does not watch/);
  });

  it("of two of one name the older gets the document, whoever had it, and the other is told", () => {
    const [first, second] = [owner("a", "one"), owner("a", "two")];
    const wanted = [wish(first, route("a"), YOUNG), wish(second, route("a", { match: { service: "cart" } }), OLD)];
    const result = run({ wanted, present: [stored(route("a"), first)] });
    assert.deepEqual(names(result).put, ["Route/a"]);
    assert.equal(ownerOf(result.change.put[0]?.document as never), second);
    const { verdict } = result.outcomes.get(first) ?? assert.fail();
    assert.equal(verdict.type, "conflict");
    assert.match(verdict.message, /belongs to Route a in namespace two of Kubernetes, which is older/);
  });

  it("an older one that cannot be read keeps what it has", () => {
    const [first, second] = [owner("a", "one"), owner("a", "two")];
    const input = { wanted: [wish(second, route("a"), YOUNG)], present: [stored(route("a"), first)] };
    assert.equal(run({ ...input, standing: new Map([[first, OLD]]) }).outcomes.get(second)?.verdict.type, "conflict");
    assert.deepEqual(names(run(input)).put, ["Route/a"], "one that is gone keeps nothing");
  });
});

describe("errors", () => {
  it("make only their own resource invalid", () => {
    const result = run({ wanted: [wish(owner("bad"), broken("bad")), wish(owner("good"), route("good"))] });
    assert.deepEqual(names(result), { put: ["Route/good"], remove: [] });
    const { verdict } = result.outcomes.get(owner("bad")) ?? assert.fail();
    assert.equal(verdict.type, "invalid");
    assert.match(verdict.message, /^spec\.match\.headers\.a/);
    assert.equal(result.outcomes.get(owner("good"))?.verdict.type, "accepted");
  });

  it("leave the last good version in force, and say so", () => {
    const result = run({ wanted: [wish(owner("a"), broken("a"))], present: [stored(route("a"), owner("a"))] });
    assert.ok(isEmpty(result.change));
    const outcome = result.outcomes.get(owner("a")) ?? assert.fail();
    assert.ok(outcome.verdict.message.endsWith(LAST_GOOD_STAYS), outcome.verdict.message);
    assert.deepEqual([...outcome.inPolicy.keys()], ["Route/a"]);
  });

  it("of two that cannot stand together hit the one that came later to the policy", () => {
    const [a, b] = [owner("a", "shop", "ServicePolicy"), owner("b", "shop", "ServicePolicy")];
    const wanted = [wish(a, policy("a", "cart"), OLD), wish(b, policy("b", "cart"), YOUNG)];
    const fresh = run({ wanted });
    assert.deepEqual(names(fresh).put, ["ServicePolicy/a"]);
    assert.match(
      fresh.outcomes.get(b)?.verdict.message ?? "",
      /spec\.service: ServicePolicy\/a speaks for cart already/,
    );
    const inForce = run({ wanted, present: [stored(policy("b", "cart"), b)] });
    assert.deepEqual(names(inForce), { put: [], remove: [] });
    assert.equal(inForce.outcomes.get(a)?.verdict.type, "invalid");
  });

  it("of what `malla` applied hold up nobody", () => {
    const result = run({ wanted: [wish(owner("a"), route("a"))], present: [stored(broken("x"))] });
    assert.deepEqual(names(result), { put: ["Route/a"], remove: [] });
  });

  it("warnings are told with the verdict", () => {
    const lone = document("AccessPolicy", "a", { service: "cart", action: "deny" });
    const by = owner("a", "shop", "AccessPolicy");
    assert.match(
      run({ wanted: [wish(by, lone)] }).outcomes.get(by)?.verdict.message ?? "",
      /warning: spec\.action: no policy allows/,
    );
  });
});

it("whatever is wanted and there, one pass settles it: the next has nothing to do", () => {
  const name = fc.constantFrom("a", "b", "c");
  const service = fc.constantFrom("cart", "catalog");
  const one = fc.oneof(
    fc.tuple(name, service).map(([n, s]) => route(n, { match: { service: s } })),
    fc.tuple(name, service).map(([n, s]) => policy(n, s)),
    name.map(broken),
  );
  const by = fc.constantFrom("one", "two");
  const wanted = fc.array(
    fc
      .tuple(one, by, fc.constantFrom(OLD, YOUNG))
      .map(([doc, space, at]) => wish(owner(doc.metadata.name, space, doc.kind), doc, at)),
    { maxLength: 6 },
  );
  const present = fc.array(fc.tuple(one, fc.option(by, { nil: undefined })), { maxLength: 5 }).map((list) => {
    const made = list.map(([doc, space]) => stored(doc, space && owner(doc.metadata.name, space, doc.kind)));
    return [...new Map(made.map((each) => [documentName(each.document), each])).values()];
  });
  fc.assert(
    fc.property(wanted, present, (all, there) => {
      const wishes = [...new Map(all.map((each) => [`${each.owner}`, each])).values()];
      const first = run({ wanted: wishes, present: there });
      const after = new Map(there.map((each) => [documentName(each.document), each]));
      for (const id of first.change.remove) after.delete(id);
      for (const each of first.change.put) after.set(documentName(each.document), each);
      const second = run({ wanted: wishes, present: [...after.values()] });
      assert.ok(isEmpty(second.change), JSON.stringify(second.change));
      for (const each of there) {
        if (ownerOf(each.document) === undefined) assert.equal(after.get(documentName(each.document)), each);
      }
    }),
    { numRuns: 300 },
  );
});
