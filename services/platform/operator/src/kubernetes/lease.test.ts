import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LEASE_TIMES, Lease } from "./lease.ts";
import { MemoryApi, refusal } from "./memory-api.test.fixture.ts";
import { LEASE } from "./resource-kinds.ts";

const KEY = { namespace: "malla-system", name: "malla-operator" };

interface Clock {
  ms: number;
}

function contender(api: MemoryApi, identity: string, clock: Clock) {
  const told: string[] = [];
  const lease = new Lease({
    api,
    key: KEY,
    identity,
    onHeld: () => told.push("held"),
    onLost: (why) => told.push(`lost: ${why}`),
    onError: (error) => told.push(`error: ${(error as Error).message}`),
    nowMs: () => clock.ms,
    instant: () => new Date(clock.ms).toISOString().replace("Z", "000Z"),
  });
  return { lease, told };
}

function spec(api: MemoryApi) {
  return api.peek(LEASE, KEY.namespace, KEY.name)?.spec as Record<string, unknown>;
}

describe("the lease", () => {
  it("is taken where there is none, by one", async () => {
    const [api, clock] = [new MemoryApi(), { ms: 0 }];
    const [a, b] = [contender(api, "a", clock), contender(api, "b", clock)];
    await Promise.all([a.lease.tryOnce(), b.lease.tryOnce()]);
    assert.deepEqual([a.lease.held, b.lease.held], [true, false]);
    assert.deepEqual(a.told, ["held"]);
    assert.equal(spec(api).leaseDurationSeconds, 15);
  });

  it("is renewed, and stays with who has it", async () => {
    const [api, clock] = [new MemoryApi(), { ms: 0 }];
    const [a, b] = [contender(api, "a", clock), contender(api, "b", clock)];
    for (let i = 0; i < 30; i++) {
      await a.lease.tryOnce();
      await b.lease.tryOnce();
      clock.ms += LEASE_TIMES.retryMs;
    }
    assert.deepEqual([a.lease.held, b.lease.held], [true, false]);
    assert.equal(spec(api).leaseTransitions, 0);
  });

  it("is taken from one that is silent, after its whole duration as the other has seen it", async () => {
    const [api, clock] = [new MemoryApi(), { ms: 0 }];
    const [a, b] = [contender(api, "a", clock), contender(api, "b", clock)];
    await a.lease.tryOnce();
    // Long silent already, but only now seen so.
    clock.ms = 100_000;
    await b.lease.tryOnce();
    assert.equal(b.lease.held, false);
    clock.ms += LEASE_TIMES.durationMs - 1;
    await b.lease.tryOnce();
    assert.equal(b.lease.held, false);
    clock.ms += 1;
    await b.lease.tryOnce();
    assert.equal(b.lease.held, true);
    assert.equal(spec(api).leaseTransitions, 1);
  });

  it("is given up by its holder before anybody else may take it", async () => {
    const [api, clock] = [new MemoryApi(), { ms: 0 }];
    const [a, b] = [contender(api, "a", clock), contender(api, "b", clock)];
    await a.lease.tryOnce();
    await b.lease.tryOnce();
    api.refuse = () => refusal(503, "ServiceUnavailable");
    clock.ms = LEASE_TIMES.renewDeadlineMs - 1;
    await a.lease.tryOnce();
    assert.equal(a.lease.held, true);
    clock.ms = LEASE_TIMES.renewDeadlineMs;
    assert.equal(a.lease.held, false, "without being asked to renew");
    await a.lease.tryOnce();
    assert.match(a.told.at(-1) ?? "", /^lost: the lease could not be renewed in time/);
    api.refuse = () => undefined;
    await b.lease.tryOnce();
    assert.equal(b.lease.held, false, "its time has not run out");
  });

  it("an answer that comes too late is none", async () => {
    const [api, clock] = [new MemoryApi(), { ms: 0 }];
    const { lease } = contender(api, "a", clock);
    api.refuse = (request) => {
      if (request.startsWith("create")) clock.ms += LEASE_TIMES.renewDeadlineMs;
      return undefined;
    };
    await lease.tryOnce();
    assert.equal(lease.held, false);
  });

  it("whoever finds another's name in it stops at once", async () => {
    const [api, clock] = [new MemoryApi(), { ms: 0 }];
    const { lease, told } = contender(api, "a", clock);
    await lease.tryOnce();
    const there = api.peek(LEASE, KEY.namespace, KEY.name) ?? assert.fail();
    await api.replace(LEASE, { ...there, spec: { ...(there.spec as object), holderIdentity: "b" } });
    clock.ms += LEASE_TIMES.retryMs;
    await lease.tryOnce();
    assert.equal(lease.held, false);
    assert.deepEqual(told, ["held", "lost: another process holds the lease"]);
  });

  it("given back, it can be taken at once", async () => {
    const [api, clock] = [new MemoryApi(), { ms: 0 }];
    const [a, b] = [contender(api, "a", clock), contender(api, "b", clock)];
    await a.lease.tryOnce();
    await b.lease.tryOnce();
    await a.lease.release();
    assert.equal(spec(api).holderIdentity, "");
    await b.lease.tryOnce();
    assert.equal(b.lease.held, true);
    assert.deepEqual(a.told, ["held", "lost: given back"]);
  });

  it("is not given back by who does not hold it any more", async () => {
    const [api, clock] = [new MemoryApi(), { ms: 0 }];
    const [a, b] = [contender(api, "a", clock), contender(api, "b", clock)];
    await a.lease.tryOnce();
    await b.lease.tryOnce();
    clock.ms += LEASE_TIMES.durationMs;
    await b.lease.tryOnce();
    await a.lease.release();
    assert.equal(spec(api).holderIdentity, "b");
  });

  it("a race for it is lost without a word", async () => {
    const [api, clock] = [new MemoryApi(), { ms: 0 }];
    const { lease, told } = contender(api, "a", clock);
    api.refuse = (request) => (request.startsWith("create") ? refusal(409, "AlreadyExists") : undefined);
    await lease.tryOnce();
    assert.deepEqual([lease.held, told], [false, []]);
  });
});
