import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { KubernetesObject, ResourceKind } from "./api.ts";
import { MemoryApi, refusal } from "./memory-api.test.fixture.ts";
import { WatchKind, type WatchKindOptions } from "./watch-kind.ts";

const ROUTE: ResourceKind = { apiVersion: "malla.dev/v1", kind: "Route", plural: "routes" };
const started: WatchKind[] = [];
afterEach(() => {
  for (const watch of started.splice(0)) watch.stop();
});

function route(name: string, namespace = "shop"): KubernetesObject {
  return { apiVersion: ROUTE.apiVersion, kind: "Route", metadata: { name, namespace }, spec: { of: name } };
}

async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await turn();
}

async function watching(api: MemoryApi, options: Partial<WatchKindOptions> = {}) {
  const told = { changes: 0, errors: [] as unknown[] };
  const watch = new WatchKind({
    api,
    kind: ROUTE,
    namespace: undefined,
    onChange: () => told.changes++,
    onError: (error) => told.errors.push(error),
    random: () => 0,
    ...options,
  });
  started.push(watch);
  watch.start();
  await settled();
  const names = (): string[] => watch.all().map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  return { watch, told, names };
}

describe("a picture of all objects of a kind", () => {
  it("begins with a list and goes on with what happens", async () => {
    const api = new MemoryApi();
    await api.create(ROUTE, route("a"));
    const { names, told } = await watching(api);
    assert.deepEqual(names(), ["shop/a"]);
    await api.create(ROUTE, route("b"));
    await api.delete(ROUTE, { namespace: "shop", name: "a" });
    await settled();
    assert.deepEqual(names(), ["shop/b"]);
    assert.equal(told.changes, 3);
  });

  it("holds only its namespace", async () => {
    const api = new MemoryApi();
    await api.create(ROUTE, route("a"));
    await api.create(ROUTE, route("a", "other"));
    const { names, watch } = await watching(api, { namespace: "other" });
    await api.create(ROUTE, route("b"));
    await settled();
    assert.deepEqual(names(), ["other/a"]);
    assert.deepEqual([watch.covers("other"), watch.covers("shop")], [true, false]);
  });

  it("is resumed where it ended, without another list", async () => {
    const api = new MemoryApi();
    const { names } = await watching(api);
    api.endWatches();
    await api.create(ROUTE, route("a"));
    await settled();
    assert.deepEqual(names(), ["shop/a"]);
    assert.equal(api.requests.filter((request) => request.startsWith("list")).length, 1);
  });

  it("is listed anew when the server has forgotten where it was, and what went meanwhile is gone", async () => {
    const api = new MemoryApi();
    await api.create(ROUTE, route("a"));
    const { names, told } = await watching(api);
    api.refuse = (request) => (request.startsWith("watch") ? refusal(410, "Expired") : undefined);
    api.endWatches();
    await api.delete(ROUTE, { namespace: "shop", name: "a" });
    api.refuse = () => undefined;
    await settled();
    assert.deepEqual(names(), []);
    assert.deepEqual(told.errors, [], "that is no error");
  });

  it("goes on after errors, and tells them", async () => {
    const api = new MemoryApi();
    let refusals = 3;
    api.refuse = () => (refusals-- > 0 ? refusal(500, "InternalError") : undefined);
    const { told, watch } = await watching(api);
    while (!watch.synced) await new Promise((resolve) => setTimeout(resolve, 1));
    assert.equal(told.errors.length, 3);
  });

  it("a kind the cluster does not have is none, where that may be", async () => {
    const api = new MemoryApi();
    api.refuse = () => refusal(404, "NotFound");
    const { watch, told } = await watching(api, { optional: true });
    assert.deepEqual([watch.synced, told.errors.length, told.changes], [true, 0, 1]);
    const other = await watching(api);
    assert.equal(other.watch.synced, false);
    assert.ok(other.told.errors.length > 0);
  });

  it("what is reported of an object calls nobody, and is kept", async () => {
    const api = new MemoryApi();
    const made = await api.create(ROUTE, route("a"));
    const { watch, told } = await watching(api);
    await api.replaceStatus(ROUTE, made, { revision: 7 });
    await settled();
    assert.equal(told.changes, 1);
    assert.deepEqual(watch.get("shop", "a")?.status, { revision: 7 });
  });

  it("never goes back behind what the answer to a write has shown", async () => {
    const api = new MemoryApi();
    const made = await api.create(ROUTE, route("a"));
    const { watch } = await watching(api);
    const later = { ...made, metadata: { ...made.metadata, resourceVersion: "1000" }, status: { revision: 9 } };
    watch.learn(later);
    await api.replaceStatus(ROUTE, made, { revision: 7 });
    await settled();
    assert.deepEqual(watch.get("shop", "a")?.status, { revision: 9 });
  });

  it("one that was deleted and made anew is another", async () => {
    const api = new MemoryApi();
    const first = await api.create(ROUTE, route("a"));
    const { watch } = await watching(api);
    await api.delete(ROUTE, { namespace: "shop", name: "a" });
    await api.create(ROUTE, route("a"));
    await settled();
    assert.notEqual(watch.get("shop", "a")?.metadata.uid, first.metadata.uid);
    watch.learn({ ...first, metadata: { ...first.metadata, resourceVersion: "1000" } });
    assert.notEqual(watch.get("shop", "a")?.metadata.uid, first.metadata.uid);
  });
});
