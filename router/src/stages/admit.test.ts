import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "@malla/sdk/contract";
import { ActiveCalls } from "../active-calls.ts";
import { admit } from "./admit.ts";

const LIMITS = { maxInFlight: 4, maxInFlightPerPrincipal: 2 };

function refusal(principal: string, active: ActiveCalls, draining = false): string | undefined {
  try {
    admit(principal, draining, active, LIMITS);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof MeshError);
    // The caller's SDK goes elsewhere by exactly these facts.
    assert.deepEqual([error.origin, error.attempts], ["router", 0]);
    return error.reason;
  }
}

test("draining refuses everybody as not started", () =>
  assert.equal(refusal("cart", new ActiveCalls(), true), "not-started"));

test("a principal at its bound is refused, others are not, until the router is full", () => {
  const active = new ActiveCalls();
  const start = (principal: string): void =>
    active.start({ callId: `${principal}${active.size}`, principal, dispatch: undefined });
  assert.equal(refusal("cart", active), undefined);
  start("cart");
  start("cart");
  assert.deepEqual([refusal("cart", active), refusal("web", active)], ["overloaded", undefined]);
  start("web");
  start("web");
  assert.equal(refusal("orders", active), "overloaded");
});
