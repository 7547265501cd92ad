// The shop comes up from `helm install` alone and carries calls, however many routers there are.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { KubernetesCluster, nodesOrSkip } from "../harness/index.ts";
import { InstalledShop } from "./installed-shop.ts";

const { skip, binaries } = nodesOrSkip();
/** Enough that every router has had its share, at a hundred calls a second. */
const CALLS = 500;

describe("the shop on Kubernetes", { skip }, () => {
  let cluster: KubernetesCluster;
  let shop: InstalledShop;

  before(async () => {
    cluster = await KubernetesCluster.start(binaries());
    shop = await InstalledShop.install(cluster, [
      "router.replicas=2",
      "shop.shoppers.people=10",
      "shop.shoppers.thinkMs=100",
    ]);
  });
  after(async () => {
    await cluster?.stop();
  });

  test("comes up from helm install alone and carries calls", async () => {
    const { succeeded } = await shop.shoppers();
    const now = await shop.shopOn(CALLS);
    assert.ok(now.succeeded > succeeded);
  });

  test("loses no call while routers are scaled from 2 to 4 to 1", async () => {
    const before = await shop.shopOn(1);
    await shop.scaleRouters(4);
    await shop.shopOn(CALLS);
    const requests = await shop.requestsByRouter();
    assert.ok(requests.length === 4 && requests.every((count) => count > 0), `each router carries some: ${requests}`);
    await shop.scaleRouters(1);
    const now = await shop.shopOn(CALLS);
    await cluster.explain(async () => {
      assert.deepEqual(now.failures, before.failures);
      assert.equal(now.failed, before.failed);
    });
    assert.ok(now.calls - before.calls >= 2 * CALLS);
  });
});
