import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { encodeHeaderBlock, MeshError, type ServicePolicyDocument } from "@malla/sdk/contract";
import { compile, emptyPolicy, type Policy } from "@malla/sdk/engine";
import { ActiveCalls } from "../active-calls.ts";
import { type AdmitLimits, admit } from "./admit.ts";

const LIMITS: AdmitLimits = { maxInFlight: 4, maxInFlightPerPrincipal: 2, maxBytes: 1_000, maxBytesPerPrincipal: 500 };
const EMPTY = new Uint8Array(0);

interface Asked {
  readonly draining?: boolean;
  readonly bytes?: number;
  readonly headers?: Uint8Array;
  readonly policy?: Policy;
  readonly limits?: AdmitLimits;
}

function refusal(principal: string, active: ActiveCalls, asked: Asked = {}): string | undefined {
  const { draining = false, bytes = 0, headers = EMPTY, policy = emptyPolicy, limits = LIMITS } = asked;
  const target = { principal, service: "orders", method: "place" };
  const message = { subject: "", reply: "", headers, payload: Buffer.alloc(bytes) };
  try {
    admit(target, message, draining, active, limits, policy);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof MeshError);
    // The caller's SDK goes elsewhere by exactly these facts.
    assert.deepEqual([error.origin, error.attempts], ["router", 0]);
    return error.reason;
  }
}

function carrying(...calls: readonly (readonly [principal: string, bytes: number])[]): ActiveCalls {
  const active = new ActiveCalls();
  for (const [principal, bytes] of calls)
    active.start({ id: `${principal}${active.size}`, principal, bytes, dispatch: undefined });
  return active;
}

test("draining refuses everybody as not started", () =>
  assert.equal(refusal("cart", new ActiveCalls(), { draining: true }), "not-started"));

test("a principal at its bound is refused, others are not, until the router is full", () => {
  assert.equal(refusal("cart", carrying()), undefined);
  const two = carrying(["cart", 0], ["cart", 0]);
  assert.deepEqual([refusal("cart", two), refusal("web", two)], ["overloaded", undefined]);
  assert.equal(refusal("orders", carrying(["cart", 0], ["cart", 0], ["web", 0], ["web", 0])), "overloaded");
});

test("so it is with bytes, headers and payload together", () => {
  const active = carrying(["cart", 400]);
  const headers = encodeHeaderBlock([]);
  assert.equal(refusal("cart", active, { bytes: 100 }), undefined);
  assert.equal(refusal("cart", active, { bytes: 101 }), "overloaded");
  assert.equal(refusal("cart", active, { bytes: 100, headers }), "overloaded");
  assert.equal(refusal("web", active, { bytes: 101 }), undefined);
  assert.equal(refusal("web", carrying(["cart", 450], ["orders", 450]), { bytes: 101 }), "overloaded");
});

const HUNDRED: AdmitLimits = {
  maxInFlight: 100,
  maxInFlightPerPrincipal: 100,
  maxBytes: 1_000,
  maxBytesPerPrincipal: 1_000,
};
const trusting: ServicePolicyDocument = {
  apiVersion: "malla.dev/v1",
  kind: "ServicePolicy",
  metadata: { name: "orders" },
  spec: { service: "orders", maxPriority: { critical: ["storefront"], sheddable: ["crawler"] } },
};
const { policy } = compile([trusting], 1);

/** Which priorities are let in at so many calls, asked for by a principal. */
function letIn(principal: string, inFlight: number, bytesEach = 0): readonly string[] {
  const active = carrying(...Array.from({ length: inFlight }, (): [string, number] => ["others", bytesEach]));
  return ["sheddable", "default", "critical"].filter((priority) => {
    // As any client may write it.
    const headers = Buffer.from(`NATS/1.0\r\nX-A: b\r\nmalla-PRIORITY:  ${priority}\r\n\r\n`);
    const limits = { ...HUNDRED, maxBytes: 100_000, maxBytesPerPrincipal: 100_000 };
    return refusal(principal, active, { headers, policy, limits }) === undefined;
  });
}

test("the fuller the router, the more a call must matter", () => {
  const all = ["sheddable", "default", "critical"];
  assert.deepEqual(letIn("storefront", 79), all);
  assert.deepEqual(letIn("storefront", 80), ["default", "critical"]);
  assert.deepEqual(letIn("storefront", 94), ["default", "critical"]);
  assert.deepEqual(letIn("storefront", 95), ["critical"]);
  assert.deepEqual(letIn("storefront", 99), ["critical"]);
  assert.deepEqual(letIn("storefront", 100), []);
});

test("full of bytes counts as full of calls does", () => {
  assert.deepEqual(letIn("storefront", 10, 8_000), ["default", "critical"]);
  assert.deepEqual(letIn("storefront", 10, 9_500), ["critical"]);
});

test("a caller that asks above its cap is lowered to it, not refused", () => {
  // No policy names it: default is the most it gets.
  assert.deepEqual(letIn("web", 94), ["default", "critical"]);
  assert.deepEqual(letIn("web", 95), []);
  // Held down to sheddable.
  assert.deepEqual(letIn("crawler", 79), ["sheddable", "default", "critical"]);
  assert.deepEqual(letIn("crawler", 80), []);
});

test("without a word a call is default", () => {
  const at = (inFlight: number): string | undefined =>
    refusal("storefront", carrying(...Array.from({ length: inFlight }, (): [string, number] => ["others", 0])), {
      policy,
      limits: HUNDRED,
    });
  assert.deepEqual([at(80), at(94), at(95)], [undefined, undefined, "overloaded"]);
});
