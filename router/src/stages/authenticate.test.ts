import assert from "node:assert/strict";
import { test } from "node:test";
import { authenticate } from "./authenticate.ts";

const EMPTY = new Uint8Array(0);
const stage = (subject: string, reply = "_INBOX.cart.x"): ReturnType<typeof authenticate> =>
  authenticate({ subject, reply, headers: EMPTY, payload: EMPTY });

test("who calls what is what the subject says", () => {
  const target = { principal: "cart", service: "orders", method: "place" };
  assert.deepEqual(stage("mesh.call.cart.orders.place"), target);
  assert.deepEqual(stage("mesh.via.router-a.cart.orders.place"), target);
  assert.deepEqual(stage("mesh.call.cart.orders.place", ""), target);
});

test("another subject is dropped", () => {
  for (const subject of [
    "mesh.call.cart.orders",
    "mesh.call.cart.orders.place.x",
    "mesh.call.*.orders.place",
    "mesh.call.cart.orders._probe",
    "mesh.run.orders.i1.cart.place",
    "",
  ])
    assert.equal(stage(subject), "subject", subject);
});

test("a reply that is not the caller's own is dropped, unanswered", () => {
  for (const reply of [
    "_INBOX.orders.x",
    "_INBOX.cart",
    "_INBOX.cart.*",
    "_INBOX.cart.>",
    "mesh.run.payments.i1.cart.charge",
    "mesh.policy.live",
    "mesh.reply.router-a.orders.x",
    "_INBOX.cart.a b",
  ])
    assert.equal(stage("mesh.call.cart.orders.place", reply), "reply", reply);
});
