import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { credentialsFile, ensureKeys, writeCredentials } from "@malla/broker-config";
import { readCredentials } from "@malla/sdk/contract";
import { credentialsPath } from "../mesh/session.ts";
import { checkService, credentialsOf } from "./run.ts";

const folder = mkdtempSync(join(tmpdir(), "malla-run-"));
after(() => rmSync(folder, { recursive: true, force: true }));

test("a program runs as a service alone: neither as a role, nor in a name that nothing can carry", () => {
  checkService("orders");
  for (const name of ["operator", "guest", "observer", "mesh"])
    assert.throws(() => checkService(name), { exitCode: 2, message: /^--service ".*": the name is reserved$/ }, name);
  for (const name of ["", "X Y", "../x", "a.b"])
    assert.throws(() => checkService(name), { exitCode: 2, message: /a DNS label in lower case is expected/ }, name);
});

test("a caller's name never leads out of the folder of credentials", () => {
  for (const name of ["../operator", "a/b", "", "A"])
    assert.throws(() => credentialsPath("/nowhere", name), { exitCode: 2, message: /is no principal/ }, name);
  assert.throws(() => credentialsPath("/nowhere", "cart"), { exitCode: 1, message: /no credentials for cart/ });
});

test("credentials are made once, and anew where they have ended or lack a target; what is for something else stays", async () => {
  const keys = await ensureKeys(folder);
  const read = (name: string): string => readFileSync(credentialsFile(folder, name), "utf8");
  const path = await credentialsOf(folder, { service: "orders", direct: [] });
  const first = read("orders");
  assert.equal(await credentialsOf(folder, { service: "orders", direct: [] }), path);
  assert.equal(read("orders"), first);
  await credentialsOf(folder, { service: "orders", direct: ["payments"] });
  assert.deepEqual(readCredentials(read("orders"), path).directTo, ["payments"]);

  await writeCredentials(folder, { name: "cart", role: "service", expiresInMs: 60_000 }, keys);
  await credentialsOf(folder, { service: "cart", direct: [] });
  assert.notEqual(readCredentials(read("cart"), path).expiresAtMs, undefined);
  await credentialsOf(folder, { service: "cart", direct: [] }, Date.now() + 62_000);
  assert.equal(readCredentials(read("cart"), path).expiresAtMs, undefined);

  await writeCredentials(folder, { name: "watcher", role: "observer" }, keys);
  const watchers = read("watcher");
  await assert.rejects(credentialsOf(folder, { service: "watcher", direct: [] }), {
    exitCode: 1,
    message: /watcher\.creds holds credentials of role observer, which no service runs with/,
  });
  assert.equal(read("watcher"), watchers);
});
