import assert from "node:assert/strict";
import { test } from "node:test";
import { CLAIM_WINDOW_MS, ClaimShare, MAX_CLAIMS_PER_PRINCIPAL, MAX_KEPT_BYTES_PER_PRINCIPAL } from "./claim-share.ts";

test("so many keys in a day, for each principal its own", () => {
  let nowMs = 1_000;
  const share = new ClaimShare(() => nowMs);
  for (let i = 0; i < MAX_CLAIMS_PER_PRINCIPAL; i++) assert.ok(share.claim("cart"));
  assert.deepEqual([share.claim("cart"), share.claim("web")], [false, true]);
  nowMs += CLAIM_WINDOW_MS;
  assert.ok(share.claim("cart"));
});

test("so many bytes of replies; one that is not kept takes nothing", () => {
  const share = new ClaimShare(() => 0);
  assert.ok(share.keep("cart", MAX_KEPT_BYTES_PER_PRINCIPAL - 10));
  assert.deepEqual([share.keep("cart", 11), share.keep("cart", 10), share.keep("cart", 1)], [false, true, false]);
  assert.ok(share.keep("web", 11));
});
