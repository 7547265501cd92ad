// Credentials that live ten seconds, replaced in their file every few, as Kubernetes does with a mounted Secret: calls go on as if nothing
// were, and what does not belong there changes nothing.
import assert from "node:assert/strict";
import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { issueCredentials } from "@malla/broker-config";
import { connect, type Mesh } from "@malla/sdk";
import { createTelemetry, type Logger } from "@malla/sdk/telemetry";
import { eventually, startMesh, type TestMesh } from "../harness/index.ts";
import { startLoad } from "../harness/load.ts";

const LIFE_MS = 10_000;
const RENEWED_AFTER_MS = 6_000;
const RENEWALS = 3;

let mesh: TestMesh;
const joined: Mesh[] = [];

before(async () => {
  mesh = await startMesh();
  await mesh.apply(
    "apiVersion: malla.dev/v1\nkind: ServicePolicy\nmetadata: { name: echo }\nspec: { service: echo, idempotentMethods: [read] }\n",
  );
});

after(async () => {
  await Promise.all(joined.map(async (one) => one.close()));
  await mesh?.stop();
});

async function text(name: string, expiresInMs: number): Promise<string> {
  return await issueCredentials(mesh.keys, { name, role: "service", expiresInMs });
}

/** A mounted Secret: the file is a link through a folder that is swapped in one step. */
class Mounted {
  readonly file: string;
  readonly #folder: string;
  #versions = 0;

  constructor(folder: string) {
    this.#folder = folder;
    this.file = join(folder, "service.creds");
  }

  async put(content: string): Promise<void> {
    const version = `..version-${this.#versions++}`;
    await mkdir(join(this.#folder, version), { recursive: true });
    await writeFile(join(this.#folder, version, "service.creds"), content);
    await symlink(version, join(this.#folder, "..new"));
    await rename(join(this.#folder, "..new"), join(this.#folder, "..data"));
    if (this.#versions === 1) await symlink(join("..data", "service.creds"), this.file);
    else await rm(join(this.#folder, `..version-${this.#versions - 2}`), { recursive: true });
  }
}

/** Joins with credentials that are mounted; what it says of them, by its messages. */
async function joinMounted(
  name: string,
): Promise<{ mounted: Mounted; mesh: Mesh; said: string[]; expiries: number[] }> {
  const mounted = new Mounted(join(mesh.folder, `mounted-${name}-${joined.length}`));
  await mounted.put(await text(name, LIFE_MS));
  const said: string[] = [];
  const expiries: number[] = [];
  const say = (_facts: object, message: string): void => void said.push(message);
  const log: Logger = { debug: () => undefined, info: say, warn: say, error: say, child: () => log };
  const telemetry = createTelemetry({ log });
  const one = await connect({
    service: name,
    servers: mesh.url,
    credentials: mounted.file,
    drainOn: [],
    telemetry: { ...telemetry, credentialsExpire: (atMs) => void expiries.push(atMs ?? 0) },
  });
  joined.push(one);
  return { mounted, mesh: one, said, expiries };
}

test("three renewals under load: no call fails, and nobody is late", async () => {
  const service = await joinMounted("echo");
  await service.mesh.serve({ read: (n: number) => n, write: (n: number) => n });
  const caller = await joinMounted("asker");
  await eventually(async () => assert.equal(await caller.mesh.call("echo", "read", 1), 1));
  const load = startLoad(8, async (n) => {
    await sleep(2);
    assert.equal(await caller.mesh.call("echo", n % 2 === 0 ? "read" : "write", n), n);
  });
  for (let i = 0; i < RENEWALS; i++) {
    await sleep(RENEWED_AFTER_MS);
    await caller.mounted.put(await text("asker", LIFE_MS));
    await service.mounted.put(await text("echo", LIFE_MS));
  }
  // The life of the first ones is over, and that of the second and third.
  await sleep(RENEWED_AFTER_MS);
  const { calls, failures } = await load.stop();
  assert.deepEqual(failures, []);
  assert.ok(calls > 2_000, String(calls));
  for (const { said, expiries } of [service, caller]) {
    assert.equal(said.filter((message) => message === "newer credentials are in use").length, RENEWALS);
    assert.equal(expiries.length, RENEWALS + 1);
    assert.deepEqual(
      expiries,
      expiries.toSorted((a, b) => a - b),
    );
  }
  // The tests below have it do their calls.
  await service.mounted.put(await text("echo", 3_600_000));
  await eventually(() => assert.equal(service.expiries.length, RENEWALS + 2), { withinMs: 8_000 });
});

test("another's credentials and a broken file change nothing, and are told once each", async () => {
  const { mounted, mesh: one, said } = await joinMounted("asker");
  await mounted.put(await text("echo", LIFE_MS));
  await eventually(() => assert.equal(said.filter((message) => /is not used/.test(message)).length, 1), {
    withinMs: 20_000,
  });
  await mounted.put("half a fi");
  await eventually(() => assert.equal(said.filter((message) => /is not used/.test(message)).length, 2), {
    withinMs: 20_000,
  });
  assert.equal(await one.call("echo", "read", 1), 1);
  await mounted.put(await text("asker", 3_600_000));
  await eventually(() => assert.ok(said.includes("newer credentials are in use")), { withinMs: 20_000 });
  assert.equal(await one.call("echo", "read", 1), 1);
});

test("nothing newer in time: it is told, the broker ends the connection, and newer ones bring it back", async () => {
  const { mounted, mesh: one, said } = await joinMounted("asker");
  await eventually(() => assert.ok(said.some((message) => /expire soon/.test(message))), { withinMs: 20_000 });
  await eventually(async () => await assert.rejects(one.call("echo", "read", 1, { timeoutMs: 500 })), {
    withinMs: 20_000,
  });
  await mounted.put(await text("asker", 3_600_000));
  await eventually(async () => assert.equal(await one.call("echo", "read", 1, { timeoutMs: 500 }), 1), {
    withinMs: 10_000,
  });
});
