import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type IdentityOutcome,
  isSameStatus,
  type MeshServiceStatus,
  meshServiceStatus,
} from "./mesh-service-status.ts";
import { meshService } from "./objects.test.fixture.ts";

const NOW = "2026-01-01T00:00:00Z";
const OUTCOME: IdentityOutcome = {
  identity: {
    namespace: "shop",
    service: "orders",
    role: "service",
    directTo: [],
    application: undefined,
    lifetimeMs: 1,
    owners: [meshService({})],
  },
  failure: undefined,
  expiresAtMs: 0,
};
const SAID = { generation: 3, before: undefined, refused: undefined, outcome: OUTCOME, now: NOW };

function words({ conditions }: MeshServiceStatus): string[] {
  return conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`);
}

test("issued: where, and how long it holds", () => {
  const status = meshServiceStatus(SAID);
  assert.deepEqual(
    [status.secretName, status.expiresAt, status.observedGeneration],
    ["malla-orders", "1970-01-01T00:00:00.000Z", 3],
  );
  assert.deepEqual(words(status), ["Accepted=True Accepted", "Issued=True Issued"]);
});

test("refused, and failed", () => {
  const refused = { owner: meshService({}), service: "orders", reason: "NameTaken", message: "shop has it" } as const;
  const taken = meshServiceStatus({ ...SAID, refused, outcome: undefined });
  assert.deepEqual(words(taken), ["Accepted=False NameTaken", "Issued=False NotAccepted"]);
  assert.equal(taken.secretName, undefined);
  const failed = meshServiceStatus({ ...SAID, outcome: { ...OUTCOME, failure: "forbidden" } });
  assert.deepEqual(words(failed), ["Accepted=True Accepted", "Issued=False SecretFailed"]);
});

test("saying it again changes nothing; an instant changes with its status", () => {
  const before = meshServiceStatus(SAID);
  const again = meshServiceStatus({ ...SAID, before, now: "2027-01-01T00:00:00Z" });
  assert.ok(isSameStatus(before, again));
  const failed = meshServiceStatus({ ...SAID, before, outcome: undefined, now: "2027-01-01T00:00:00Z" });
  assert.deepEqual(
    failed.conditions.map(({ lastTransitionTime }) => lastTransitionTime),
    [NOW, "2027-01-01T00:00:00Z"],
  );
  assert.ok(!isSameStatus(undefined, before));
});
