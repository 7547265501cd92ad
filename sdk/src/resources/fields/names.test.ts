import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import type { z } from "zod";
import { parseHeaderBlock } from "../../contract/header-block.ts";
import { isIssuableName, isMethodName, isServiceName } from "../../contract/names.ts";
import { headerName, methodName, methodPattern, principalPattern, routeSubject, serviceName } from "./names.ts";

const near = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.stringMatching(/^[A-Za-z0-9_.*>-]{0,6}$/),
  fc.constantFrom(
    "mesh",
    "guest",
    "router-a",
    "service",
    "srv",
    "a".repeat(63),
    "a".repeat(64),
    "A".repeat(128),
    "A".repeat(129),
    "a\n",
    "-a",
  ),
);

function takes(schema: z.ZodType, name: string): boolean {
  return schema.safeParse(name).success;
}

it("names are those of the contract", () => {
  const [service, principal, method] = [serviceName(), principalPattern(), methodName()];
  fc.assert(
    fc.property(near, (name) => {
      assert.equal(takes(service, name), isIssuableName(name, "service"));
      assert.equal(takes(principal, name), isServiceName(name.replaceAll("*", "x")));
      assert.equal(takes(method, name), isMethodName(name));
    }),
    { numRuns: 2_000 },
  );
});

it("every method is a pattern of itself", () => {
  const schema = methodPattern();
  fc.assert(fc.property(fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,20}$/), (name) => takes(schema, name)));
  for (const good of ["*", "get*", "*List", "a*b*c"]) assert.ok(takes(schema, good), good);
  for (const bad of ["", "get.*", "get?", "1a", ">"]) assert.ok(!takes(schema, bad), bad);
});

it("route subjects are NATS wildcards over two tokens", () => {
  const schema = routeSubject();
  for (const good of [">", "a.>", "a.*", "*.*", "*.list", "shop-a.Charge"]) assert.ok(takes(schema, good), good);
  for (const bad of ["", "*", "a", "a.b.c", "a*.b", "a.b*", ">.a", "a.", ".a", "A.b", "a b.c"])
    assert.ok(!takes(schema, bad), bad);
});

it("header names are those that a header block can hold", () => {
  const schema = headerName();
  fc.assert(
    fc.property(
      near.filter((name) => name.length > 0 && name.length <= 128),
      (name) => {
        const block = parseHeaderBlock(new TextEncoder().encode(`NATS/1.0\r\n${name}: v\r\n\r\n`));
        const held = typeof block !== "string" && block.fields.length === 2 && block.fields[0] === name;
        assert.equal(takes(schema, name), held, JSON.stringify(name));
      },
    ),
    { numRuns: 1_000 },
  );
});
