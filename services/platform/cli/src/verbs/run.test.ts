import assert from "node:assert/strict";
import { test } from "node:test";
import { credentialsPath } from "../mesh/session.ts";
import { checkService } from "./run.ts";

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
