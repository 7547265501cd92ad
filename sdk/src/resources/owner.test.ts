import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MeshDocument } from "../contract/documents.ts";
import { describeOwner, formatOwner, kubectlEdit, ownerOf, parseOwner, withOwner } from "./owner.ts";

const document: MeshDocument = {
  apiVersion: "malla.dev/v1",
  kind: "ServicePolicy",
  metadata: { name: "orders", annotations: { note: "mine" } },
  spec: { service: "orders" },
};
const OWNER = { namespace: "shop", kind: "ServicePolicy", name: "orders" };

describe("the owner of a document", () => {
  it("is put on and taken off without touching the rest", () => {
    const owned = withOwner(document, formatOwner(OWNER));
    assert.equal(ownerOf(owned), "kubernetes/shop/ServicePolicy/orders");
    assert.deepEqual(withOwner(owned, undefined), document);
    assert.equal(ownerOf(document), undefined);
  });

  it("leaves no empty annotations behind", () => {
    const bare = { ...document, metadata: { name: "orders" } };
    assert.deepEqual(withOwner(withOwner(bare, "x"), undefined), bare);
  });

  it("is read back as it was written, and nothing else is read", () => {
    assert.deepEqual(parseOwner(formatOwner(OWNER)), OWNER);
    for (const odd of [undefined, "", "ann", "kubernetes/a/b", "kubernetes/a/b/c/d", "helm/a/b/c", "kubernetes//b/c"])
      assert.equal(parseOwner(odd), undefined, odd);
  });

  it("is told to people with what to type", () => {
    assert.equal(describeOwner(undefined), "whoever uses `malla apply`");
    assert.equal(describeOwner("ann"), "ann");
    assert.equal(describeOwner(formatOwner(OWNER)), "ServicePolicy orders in namespace shop of Kubernetes");
    assert.equal(kubectlEdit(formatOwner(OWNER)), "kubectl edit servicepolicy orders -n shop");
    assert.equal(kubectlEdit("ann"), undefined);
  });
});
