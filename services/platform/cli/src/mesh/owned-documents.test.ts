import assert from "node:assert/strict";
import { test } from "node:test";
import type { MeshDocument } from "@malla/sdk/contract";
import { ownerOf, withOwner } from "@malla/sdk/resources";
import { refuseOwned } from "./owned-documents.ts";
import { planChange } from "./policy-change.ts";
import { type ReadDocument, toStored } from "./read-documents.ts";

const OWNER = "kubernetes/shop/AccessPolicy/payments-callers";
const plain: MeshDocument = {
  apiVersion: "malla.dev/v1",
  kind: "AccessPolicy",
  metadata: { name: "payments-callers", createdAt: "2030-01-01T00:00:00.000Z" },
  spec: { service: "payments", action: "allow", mode: "enforce", rules: [] },
};
const owned = withOwner(plain, OWNER);
const NOW = "2030-02-02T00:00:00.000Z";

function base(document: MeshDocument) {
  return { signed: undefined, keyRevision: 0, documents: [toStored(document)] };
}

function read(document: MeshDocument): ReadDocument {
  return { document, place: (path) => `x.yaml:1:1 ${path}` };
}

test("what Kubernetes owns is refused with its owner, the command that changes it, and the way out", () => {
  assert.throws(() => refuseOwned([owned], new Set(["AccessPolicy/payments-callers"])), {
    exitCode: 1,
    message:
      /AccessPolicy\/payments-callers is owned by AccessPolicy payments-callers in namespace shop of Kubernetes.*kubectl edit accesspolicy payments-callers -n shop.*nothing was changed.*--take-over/s,
  });
});

test("others of the same policy are nobody's business", () => {
  refuseOwned([owned], new Set(["Route/x"]));
  refuseOwned([plain], new Set(["AccessPolicy/payments-callers"]));
});

test("apply is refused, even of the same content", () => {
  assert.throws(() => planChange(base(owned), [read(owned)], NOW, "refuse"), /is owned by/);
});

test("taken over, a document has no owner any more, and keeps its age", () => {
  const { put } = planChange(base(owned), [read(owned)], NOW, "take-over");
  assert.deepEqual(put, [plain]);
});

test("a file cannot make itself a document of Kubernetes", () => {
  const { put } = planChange({ ...base(plain), documents: [] }, [read(owned)], NOW, "refuse");
  assert.deepEqual(put.map(ownerOf), [undefined]);
});

test("diff shows what a file would change of a document, not whose it is", () => {
  assert.deepEqual(planChange(base(owned), [read(plain)], NOW, "keep").changes, []);
});
