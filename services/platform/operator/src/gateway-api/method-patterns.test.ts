import assert from "node:assert/strict";
import { test } from "node:test";
import { methodsOfPath, methodsOfRegex } from "./method-patterns.ts";

const taken: readonly [string, string, readonly string[] | undefined][] = [
  ["Exact", "/list", ["list"]],
  ["Exact", "/catalog/list", ["list"]],
  ["Exact", "/catalog", ["catalog"]],
  ["PathPrefix", "/", undefined],
  ["PathPrefix", "/catalog", undefined],
  ["PathPrefix", "/catalog/", undefined],
  ["PathPrefix", "/list", ["list"]],
  ["PathPrefix", "/list/", ["list"]],
  ["PathPrefix", "/catalog/list", ["list"]],
  ["RegularExpression", "/get.*", ["get*"]],
  ["RegularExpression", "/catalog/(get|list).*", ["get*", "list*"]],
  ["RegularExpression", "/.*", undefined],
  ["RegularExpression", ".*", undefined],
  ["RegularExpression", "/.+", undefined],
  ["RegularExpression", ".+", undefined],
  ["RegularExpression", ".*List", ["*List"]],
  ["RegularExpression", ".*/list", ["list"]],
  ["RegularExpression", "/[^/]+", undefined],
];
for (const [type, path, methods] of taken) {
  test(`${type} ${path} means ${methods?.join(", ") ?? "every method"}`, () =>
    assert.deepEqual(methodsOfPath(type, path, "catalog"), { methods }));
}

const refused: readonly [string, string, RegExp][] = [
  ["Exact", "/", /path of no method of catalog/],
  ["Exact", "/list/", /path of no method/],
  ["Exact", "/orders/list", /path of no method of catalog/],
  ["Exact", "/a/b/c", /path of no method/],
  ["Exact", "/health-check", /path of no method/],
  ["Exact", "list", /does not begin with \//],
  ["PathPrefix", "", /does not begin with \//],
  ["PathPrefix", "/orders/list", /path of no method/],
  ["RegularExpression", "list", /which is no method/],
  ["RegularExpression", "/a/b", /which is no method/],
  ["RegularExpression", "/get.+", /patterns only have \.\*/],
  ["RegularExpression", "/v[0-9]+", /only \.\+ can be/],
  ["Glob", "/list", /type "Glob" is not supported/],
];
for (const [type, path, why] of refused) {
  test(`${type} ${path} is refused`, () => {
    const found = methodsOfPath(type, path, "catalog");
    assert.match(typeof found === "string" ? found : JSON.stringify(found), why);
  });
}

test("an expression over a method's name", () => {
  assert.deepEqual(methodsOfRegex("Get.*|List"), { methods: ["Get*", "List"] });
  assert.deepEqual(methodsOfRegex(".+"), { methods: undefined });
  assert.match(String(methodsOfRegex("")), /no method/);
});
