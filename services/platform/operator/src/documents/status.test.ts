import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  ACCEPTED,
  conditionIn,
  eventsOf,
  isSameStatus,
  type PolicyStatus,
  PROGRAMMED,
  type StatusInput,
  statusOf,
} from "./status.ts";

const HASH = "a".repeat(64);
const base: StatusInput = {
  generation: 1,
  before: undefined,
  verdict: { type: "accepted", message: "Route/a is in the policy" },
  contentHash: HASH,
  revision: 7,
  spread: { type: "everywhere", routers: 2 },
  mesh: { type: "reached" },
  now: "2030-01-01T00:00:00Z",
};

function said(status: PolicyStatus, type: string): string {
  const { status: is, reason, message } = conditionIn(status, type) ?? assert.fail(`no condition ${type}`);
  return `${is} ${reason}: ${message}`;
}

describe("conditions", () => {
  it("in the policy and everywhere", () => {
    const status = statusOf(base);
    assert.equal(said(status, ACCEPTED), "True Accepted: Route/a is in the policy");
    assert.equal(said(status, PROGRAMMED), "True Programmed: revision 7 is in force at all 2 routers");
    assert.deepEqual([status.revision, status.contentHash, status.observedGeneration], [7, HASH, 1]);
  });

  const spreads: readonly [StatusInput["spread"], RegExp][] = [
    [{ type: "behind", routers: ["router-a"] }, /^False Pending: .*not yet in force at router-a$/],
    [{ type: "behind", routers: ["a", "b", "c", "d", "e", "f", "g"] }, /a, b, c, d, e and 2 more$/],
    [{ type: "no-router" }, /^False Pending: .*no router is running/],
    [{ type: "unknown" }, /^False Pending: .*have not said yet/],
    [{ type: "everywhere", routers: 1 }, /^True Programmed: .*at the one router$/],
  ];
  for (const [spread, says] of spreads) {
    it(`${spread.type}: ${says.source}`, () => assert.match(said(statusOf({ ...base, spread }), PROGRAMMED), says));
  }

  it("invalid and conflict are told apart, and are not programmed", () => {
    for (const [type, reason] of [
      ["invalid", "Invalid"],
      ["conflict", "Conflict"],
    ] as const) {
      const status = statusOf({ ...base, verdict: { type, message: "spec.match: wrong" } });
      assert.equal(said(status, ACCEPTED), `False ${reason}: spec.match: wrong`);
      assert.match(said(status, PROGRAMMED), /^False NotAccepted/);
    }
  });

  it("while the broker is away nothing is known of what is in force, and what was accepted stays so", () => {
    const before = statusOf(base);
    const mesh = { type: "unreachable", why: "the broker cannot be reached" } as const;
    const status = statusOf({ ...base, before, verdict: undefined, mesh });
    assert.match(said(status, ACCEPTED), /^True Accepted/);
    assert.match(said(status, PROGRAMMED), /^Unknown MeshUnreachable: .*stays in force$/);
    const edited = statusOf({ ...base, generation: 2, before, verdict: undefined, mesh });
    assert.match(said(edited, ACCEPTED), /^Unknown MeshUnreachable/);
  });

  it("what cannot be written is pending, with the reason", () => {
    const status = statusOf({ ...base, mesh: { type: "unwritten", why: "the policy could not be written: full" } });
    assert.equal(said(status, PROGRAMMED), "False Pending: the policy could not be written: full");
  });

  it("what was programmed stays so for its revision, and is judged anew for another", () => {
    const before = statusOf(base);
    const behind = { ...base, before, spread: { type: "behind", routers: ["router-b"] } } as const;
    assert.match(said(statusOf(behind), PROGRAMMED), /^True/);
    assert.match(said(statusOf({ ...behind, revision: 8 }), PROGRAMMED), /^False Pending/);
  });

  it("an instant is that of the last change of status, not of reason or message", () => {
    const before = statusOf({ ...base, verdict: { type: "invalid", message: "one" } });
    const later = { ...base, before, now: "2030-01-02T00:00:00Z" };
    const still = statusOf({ ...later, verdict: { type: "conflict", message: "two" } });
    assert.equal(conditionIn(still, ACCEPTED)?.lastTransitionTime, base.now);
    assert.equal(conditionIn(statusOf(later), ACCEPTED)?.lastTransitionTime, later.now);
  });

  it("conditions of others stay", () => {
    const other = {
      type: "Audited",
      status: "True",
      lastTransitionTime: base.now,
      reason: "Yes",
      message: "",
    } as const;
    const status = statusOf({ ...base, before: { conditions: [other] } });
    assert.equal(conditionIn(status, "Audited"), other);
  });

  it("a message is never longer than a status should hold", () => {
    const status = statusOf({ ...base, verdict: { type: "invalid", message: "x".repeat(100_000) } });
    assert.ok((conditionIn(status, ACCEPTED)?.message.length ?? 0) <= 4_096);
  });
});

it("the same said again is the same, whatever the order of its fields", () => {
  const status = statusOf(base);
  const { conditions = [], ...rest } = status;
  assert.ok(isSameStatus({ conditions: [...conditions].reverse(), ...rest }, statusOf({ ...base, before: status })));
  assert.ok(!isSameStatus(status, statusOf({ ...base, generation: 2 })));
  assert.ok(!isSameStatus(undefined, status));
});

describe("events", () => {
  const reasons = (before: PolicyStatus | undefined, after: PolicyStatus): string[] =>
    eventsOf(before, after).map(({ type, reason }) => `${type} ${reason}`);
  const pending = statusOf({ ...base, spread: { type: "unknown" } });
  const invalid = statusOf({ ...base, verdict: { type: "invalid", message: "spec: wrong" } });

  it("tell what came about, once", () => {
    assert.deepEqual(reasons(undefined, pending), ["Normal Accepted"]);
    assert.deepEqual(reasons(pending, statusOf(base)), ["Normal Programmed"]);
    assert.deepEqual(reasons(statusOf(base), statusOf({ ...base, before: statusOf(base) })), []);
  });

  it("warn of a refusal, and of another one", () => {
    assert.deepEqual(reasons(statusOf(base), invalid), ["Warning Invalid"]);
    assert.deepEqual(reasons(invalid, invalid), []);
    const other = statusOf({ ...base, verdict: { type: "invalid", message: "spec.match: wrong" } });
    assert.deepEqual(reasons(invalid, other), ["Warning Invalid"]);
  });

  it("say nothing of a broker that is away", () => {
    const away = statusOf({
      ...base,
      verdict: undefined,
      before: statusOf(base),
      mesh: { type: "unreachable", why: "x" },
    });
    assert.deepEqual(reasons(statusOf(base), away), []);
  });
});
