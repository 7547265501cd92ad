import assert from "node:assert/strict";
import { test } from "node:test";
import {
  isIdToken,
  isInstanceId,
  isIssuableName,
  isMethodName,
  isServiceName,
  RESERVED_NAMES,
  ROLES,
  type Role,
} from "./names.ts";

const HOSTILE = [
  "",
  " ",
  ".",
  "*",
  ">",
  "a.b",
  "a*",
  "a>",
  "a b",
  "a\n",
  "\na",
  "a\0",
  "a\r",
  "ą",
  "a/b",
  "$SYS",
  "_INBOX",
];

test("services and instances are DNS labels", () => {
  for (const name of ["a", "0", "a-b", "orders", "x".repeat(63), "i1a2b3c4d5"]) {
    assert.ok(isServiceName(name), name);
    assert.ok(isInstanceId(name), name);
  }
  for (const name of [...HOSTILE, "A", "-a", "a-", "x".repeat(64), "a_b"]) {
    assert.ok(!isServiceName(name), JSON.stringify(name));
    assert.ok(!isInstanceId(name), JSON.stringify(name));
  }
});

test("methods keep their own spelling within letters, digits and _", () => {
  for (const name of ["a", "Charge", "list_all", "x9", "m".repeat(128)]) assert.ok(isMethodName(name), name);
  for (const name of [...HOSTILE, "9x", "_probe", "a-b", "m".repeat(129)])
    assert.ok(!isMethodName(name), JSON.stringify(name));
});

test("ids are base64url tokens", () => {
  for (const id of ["a", "-_", "AZaz09-_", "x".repeat(128)]) assert.ok(isIdToken(id), id);
  for (const id of [...HOSTILE.filter((id) => id !== "_INBOX"), "a=", "a+b", "x".repeat(129)])
    assert.ok(!isIdToken(id), JSON.stringify(id));
});

const ISSUED: readonly { name: string; role: Role; want: boolean }[] = [
  { name: "orders", role: "service", want: true },
  { name: "orders", role: "guest", want: true },
  { name: "guest", role: "guest", want: true },
  { name: "guest", role: "service", want: false },
  { name: "operator", role: "observer", want: false },
  { name: "service", role: "service", want: false },
  { name: "direct", role: "direct", want: false },
  { name: "micro", role: "micro", want: false },
  { name: "mesh", role: "service", want: false },
  { name: "srv", role: "service", want: false },
  { name: "application", role: "service", want: false },
  { name: "router-1", role: "router", want: true },
  { name: "router-1", role: "service", want: false },
  { name: "router", role: "router", want: false },
  { name: "orders", role: "router", want: false },
  { name: "*", role: "service", want: false },
  { name: "a.b", role: "service", want: false },
];

for (const { name, role, want } of ISSUED) {
  test(`${want ? "issues" : "refuses"} ${JSON.stringify(name)} as ${role}`, () =>
    assert.equal(isIssuableName(name, role), want));
}

test("no role but a name's own may carry a reserved name", () => {
  for (const name of RESERVED_NAMES)
    for (const role of ROLES) if (role !== name) assert.ok(!isIssuableName(name, role), `${name} as ${role}`);
});
