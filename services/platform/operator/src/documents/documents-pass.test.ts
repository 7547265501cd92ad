// Passes over an API and a bucket in memory: what kubectl does on one side is there on the other, and told.
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { type PolicyChange, type PolicyHead, type PolicySnapshot, PolicyStore } from "@malla/sdk/discovery";
import { documentName, ownerOf } from "@malla/sdk/resources";
import { MemoryKeyValue } from "@malla/sdk/testing";
import { createUser } from "@nats-io/nkeys";
import type { KubernetesObject } from "../kubernetes/api.ts";
import { EventRecorder } from "../kubernetes/events.ts";
import { MemoryApi, refusal } from "../kubernetes/memory-api.test.fixture.ts";
import { POLICY_KINDS } from "../kubernetes/resource-kinds.ts";
import { WatchKind } from "../kubernetes/watch-kind.ts";
import type { Spread } from "../mesh/router-revisions.ts";
import { FINALIZER } from "../names.ts";
import { DocumentsPass, type PolicyAccess } from "./documents-pass.ts";
import { PolicySource } from "./policy-source.ts";
import { resource, route, stored } from "./resource.test.fixture.ts";
import { conditionIn, type PolicyStatus } from "./status.ts";

const KEY = createUser();
const [ROUTES = assert.fail()] = POLICY_KINDS;
const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** The mesh with a bucket in memory. */
class MemoryMesh implements PolicyAccess {
  connected = true;
  downForMs = 0;
  spread: Spread = { type: "everywhere", routers: 1 };
  writes = 0;
  beforeWrite: () => Promise<void> = async () => undefined;
  readonly store = new PolicyStore(new MemoryKeyValue(), KEY.getPublicKey());
  readonly routers = { spread: () => this.spread };

  async read(): Promise<PolicySnapshot> {
    return await this.store.read();
  }

  async write(base: PolicySnapshot, change: PolicyChange): Promise<PolicyHead> {
    await this.beforeWrite();
    this.writes++;
    return await this.store.write(base, change, "kubernetes", KEY.getSeed());
  }

  async byHand(change: Partial<PolicyChange>): Promise<PolicyHead> {
    return await this.store.write(
      await this.read(),
      { put: [], remove: [], action: "x", ...change },
      "ann",
      KEY.getSeed(),
    );
  }

  async names(): Promise<string[]> {
    return (await this.read()).documents.map(({ document }) => documentName(document));
  }
}

async function world({ refuse = (_request: string): Error | undefined => undefined } = {}) {
  const api = new MemoryApi();
  api.refuse = refuse;
  const mesh = new MemoryMesh();
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const watches = POLICY_KINDS.map(
    (kind) => new WatchKind({ api, kind, namespace: undefined, onChange: () => undefined, onError }),
  );
  for (const watch of watches) watch.start();
  stops.push(...watches.map((watch) => () => watch.stop()));
  const owners = new Map<string, string>();
  const names = {
    synced: true,
    read: () => ({
      claimed: [...owners.keys()],
      refusal: (namespace: string, service: string) =>
        (owners.get(service) ?? namespace) === namespace ? undefined : `service ${service} is another's`,
    }),
  };
  const events = new EventRecorder(api, "test", onError);
  const source = new PolicySource({ api, watches, events, names, onError });
  const may = { write: true };
  const make = (): DocumentsPass =>
    new DocumentsPass({ sources: [source], mesh, mayWrite: () => may.write, onError, onRevision: () => undefined });
  let pass = make();
  const run = async (): Promise<boolean> => {
    for (let i = 0; i < 20; i++) await turn();
    return await pass.run();
  };
  const status = (name: string): PolicyStatus | undefined =>
    api.peek(ROUTES, "shop", name)?.status as PolicyStatus | undefined;
  const said = (name: string, type: string): string | undefined => conditionIn(status(name), type)?.reason;
  const create = async (name: string, spec: object = { match: { service: "catalog" } }): Promise<KubernetesObject> =>
    await api.create(ROUTES, resource("Route", name, spec));
  return { api, mesh, errors, may, owners, run, status, said, create, restart: () => (pass = make()) };
}

function events(api: MemoryApi): number {
  return api.requests.filter((request) => request.startsWith("create events")).length;
}

describe("a pass", () => {
  it("writes all that is wanted as one revision, and tells each resource", async () => {
    const { mesh, run, create, said, status, api } = await world();
    await create("a");
    await create("b", { match: { service: "cart" } });
    assert.equal(await run(), true);
    assert.deepEqual(await mesh.names(), ["Route/a", "Route/b"]);
    assert.equal(mesh.writes, 1);
    assert.deepEqual(
      [said("a", "Accepted"), said("a", "Programmed"), status("b")?.revision],
      ["Accepted", "Programmed", 1],
    );
    assert.deepEqual(api.peek(ROUTES, "shop", "a")?.metadata.finalizers, [FINALIZER]);
    assert.equal(events(api), 4);
  });

  it("has nothing to do the second time", async () => {
    const { mesh, run, create, api } = await world();
    await create("a");
    await run();
    const before = api.requests.length;
    await run();
    assert.deepEqual(api.requests.slice(before), []);
    assert.equal(mesh.writes, 1);
  });

  it("after a restart it says the same revision as before", async () => {
    const { mesh, run, create, api, restart, status } = await world();
    await create("a");
    await run();
    await mesh.byHand({ put: [stored(route("x"))] });
    restart();
    const before = api.requests.length;
    await run();
    assert.equal(status("a")?.revision, 1);
    assert.deepEqual(api.requests.slice(before), []);
  });

  it("lets a deleted resource go when its document has left", async () => {
    const { mesh, run, create, api } = await world();
    await create("a");
    await run();
    await api.delete(ROUTES, { namespace: "shop", name: "a" });
    assert.ok(api.peek(ROUTES, "shop", "a") !== undefined, "held by its finalizer");
    await run();
    assert.deepEqual(await mesh.names(), []);
    assert.equal(api.peek(ROUTES, "shop", "a"), undefined);
  });

  it("does not let go of one that is deleted in the middle of the pass that writes it", async () => {
    const { mesh, run, create, api } = await world();
    await create("a");
    await run();
    await create("b");
    mesh.beforeWrite = async () => {
      await api.delete(ROUTES, { namespace: "shop", name: "a" });
      for (let i = 0; i < 20; i++) await turn();
    };
    await run();
    assert.ok(api.peek(ROUTES, "shop", "a") !== undefined, "its document is there still");
    mesh.beforeWrite = async () => undefined;
    await run();
    assert.deepEqual([await mesh.names(), api.peek(ROUTES, "shop", "a")], [["Route/b"], undefined]);
  });

  it("keeps a deleted resource while the mesh cannot be reached", async () => {
    const { mesh, run, create, api } = await world();
    await create("a");
    await run();
    await api.delete(ROUTES, { namespace: "shop", name: "a" });
    Object.assign(mesh, { connected: false, downForMs: 10_000 });
    await run();
    assert.ok(api.peek(ROUTES, "shop", "a") !== undefined);
    mesh.connected = true;
    await run();
    assert.equal(api.peek(ROUTES, "shop", "a"), undefined);
  });

  it("restores what was deleted and changed by hand, as a revision of its own", async () => {
    const { mesh, run, create, status } = await world();
    await create("a");
    await create("b");
    await run();
    const owner = "kubernetes/shop/Route/b";
    await mesh.byHand({ remove: ["Route/a"], put: [stored(route("b", { match: { service: "other" } }), owner)] });
    await run();
    const { documents } = await mesh.read();
    assert.deepEqual(
      documents.map(({ document }) => ownerOf(document)),
      ["kubernetes/shop/Route/a", owner],
    );
    assert.deepEqual([status("a")?.revision, status("b")?.revision], [3, 3]);
  });

  it("tells what is wrong with one, by its path, and goes on with the others", async () => {
    const { mesh, run, create, said, status } = await world();
    await create("bad", { match: { service: "catalog" }, timeoutMs: "2s" });
    await create("good");
    await run();
    assert.deepEqual(await mesh.names(), ["Route/good"]);
    assert.deepEqual([said("bad", "Accepted"), said("bad", "Programmed")], ["Invalid", "NotAccepted"]);
    assert.match(conditionIn(status("bad"), "Accepted")?.message ?? "", /^spec\.timeoutMs: /);
  });

  it("a resource that becomes wrong keeps its last good version", async () => {
    const { mesh, run, create, api, said } = await world();
    const made = await create("a");
    await run();
    const now = api.peek(ROUTES, "shop", "a") ?? assert.fail();
    await api.replace(ROUTES, { ...now, spec: { match: {} } });
    await run();
    assert.deepEqual([said("a", "Accepted"), await mesh.names()], ["Invalid", ["Route/a"]]);
    const wrong = api.peek(ROUTES, "shop", "a") ?? assert.fail();
    await api.replace(ROUTES, { ...wrong, spec: made.spec });
    await run();
    assert.equal(said("a", "Accepted"), "Accepted");
  });

  it("a race lost to another writer is no error: the next pass decides anew", async () => {
    const { mesh, run, create, said, errors } = await world();
    await create("a");
    mesh.beforeWrite = async () => {
      mesh.beforeWrite = async () => undefined;
      await mesh.byHand({ put: [stored(route("a", { match: { service: "x" } }))] });
    };
    assert.equal(await run(), false);
    await run();
    assert.equal(said("a", "Accepted"), "Conflict");
    assert.deepEqual(errors, []);
  });

  it("what cannot be written is told, and tried again", async () => {
    const { mesh, run, create, status, said } = await world();
    await create("a");
    mesh.beforeWrite = async () => {
      throw new Error("the disk is full");
    };
    assert.equal(await run(), false);
    assert.match(conditionIn(status("a"), "Programmed")?.message ?? "", /could not be written: the disk is full/);
    mesh.beforeWrite = async () => undefined;
    await run();
    assert.equal(said("a", "Programmed"), "Programmed");
  });

  it("a broker that is away for a moment is no news, one that stays away is", async () => {
    const { mesh, run, create, said } = await world();
    await create("a");
    await run();
    Object.assign(mesh, { connected: false, downForMs: 500 });
    assert.equal(await run(), false);
    assert.equal(said("a", "Programmed"), "Programmed");
    mesh.downForMs = 10_000;
    await run();
    assert.deepEqual([said("a", "Accepted"), said("a", "Programmed")], ["Accepted", "MeshUnreachable"]);
    mesh.connected = true;
    await run();
    assert.equal(said("a", "Programmed"), "Programmed");
  });

  it("without the lease it writes nothing anywhere", async () => {
    const { mesh, may, run, create, api } = await world();
    await create("a");
    may.write = false;
    const before = api.requests.length;
    await run();
    assert.equal(mesh.writes, 0);
    assert.deepEqual(
      api.requests.slice(before).filter((request) => !/^(watch|list)/.test(request)),
      [],
    );
  });

  it("losing the lease in the middle, it stops there", async () => {
    const { mesh, may, run, create, api } = await world();
    await create("a");
    mesh.beforeWrite = async () => {
      may.write = false;
    };
    await run();
    assert.equal(api.requests.filter((request) => /^(status|finalizers|create events)/.test(request)).length, 0);
  });

  it("one resource that cannot be told does not keep the others from it", async () => {
    const { run, create, api, said, errors } = await world();
    await create("a");
    await create("b");
    api.refuse = (request) => (request === "status routes shop/a" ? refusal(500, "InternalError") : undefined);
    assert.equal(await run(), false);
    assert.deepEqual([said("a", "Accepted"), said("b", "Accepted"), errors.length], [undefined, "Accepted", 1]);
    api.refuse = () => undefined;
    await run();
    assert.equal(said("a", "Accepted"), "Accepted");
  });

  it("takes a document away when its service belongs to another namespace, and tells why", async () => {
    const { mesh, run, create, said, status, owners } = await world();
    await create("a");
    await run();
    owners.set("catalog", "elsewhere");
    await run();
    assert.deepEqual([await mesh.names(), said("a", "Accepted")], [[], "Conflict"]);
    assert.match(
      conditionIn(status("a"), "Accepted")?.message ?? "",
      /^spec\.match\.service: service catalog is another's/,
    );
  });

  it("takes nothing away before all kinds have been listed", async () => {
    const refuse = (request: string): Error | undefined =>
      request.startsWith("list accesspolicies") ? refusal(500, "InternalError") : undefined;
    const { mesh, run, api } = await world({ refuse });
    await mesh.byHand({ put: [stored(route("a"), "kubernetes/shop/Route/a")] });
    await run();
    assert.deepEqual(await mesh.names(), ["Route/a"]);
    api.refuse = () => undefined;
    while ((await mesh.names()).length > 0) await run();
  });
});
