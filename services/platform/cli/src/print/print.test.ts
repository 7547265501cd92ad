import assert from "node:assert/strict";
import { test } from "node:test";
import { painter } from "./colour.ts";
import { valueAt } from "./document-table.ts";
import { formatData, parseFormat } from "./output.ts";
import { plainJson, plainLines, plainText } from "./plain-text.ts";
import { readableLog } from "./readable-log.ts";
import { formatTable } from "./table.ts";

test("a table has columns as wide as their widest cell, and no blanks at the end", () => {
  assert.equal(
    formatTable(
      ["A", "LONG"],
      [
        ["xxx", "1"],
        ["y", ""],
      ],
    ),
    "A     LONG\nxxx   1\ny",
  );
  assert.equal(formatTable(["A"], []), "A");
});

test("nothing from the mesh can steer a terminal", () => {
  const cases: readonly [string, string][] = [
    ["\u001b[31mred\u001b[0m", "red"],
    ["\u001b]0;title\u0007x", "x"],
    ["\u001b]8;;http://x\u001b\\link", "link"],
    ["\u009b2Jx", "x"],
    ["a\rb\nc\td", "abcd"],
    ["\u202eevil", "evil"],
    ["\u001bcreset", "creset"],
    ["✔ ünïcode 😀", "✔ ünïcode 😀"],
  ];
  for (const [given, want] of cases) assert.equal(plainText(given), want, JSON.stringify(given));
  assert.equal(plainLines("a\u001b[2J\n\tb"), "a\n  b");
});

test("JSON stays the same value, with nothing in it a terminal obeys", () => {
  const value = { name: "\u009b31m\u001b[1m\u202e", umlaut: "ü" };
  const text = plainJson(JSON.stringify(value));
  assert.deepEqual(JSON.parse(text), value);
  assert.equal(plainText(text), text);
  assert.match(text, /ü/);
});

test("data is printed in the format that was asked for", () => {
  const data = { a: [1] };
  const table = (wide: boolean): string => (wide ? "W" : "T");
  assert.equal(formatData("table", data, table), "T\n");
  assert.equal(formatData("wide", data, table), "W\n");
  assert.equal(formatData("json", data, table), '{\n  "a": [\n    1\n  ]\n}\n');
  assert.equal(formatData("yaml", data, table), "a:\n  - 1\n");
  assert.equal(parseFormat(undefined), "table");
  assert.throws(() => parseFormat("xml"), { exitCode: 2, message: /-o xml: one of table, wide, json, yaml/ });
});

test("colours are for terminals that want them", () => {
  const tty = { isTTY: true };
  assert.equal(painter(tty, {})("red", "x"), "\u001b[31mx\u001b[0m");
  for (const [out, environment] of [
    [{}, {}],
    [tty, { NO_COLOR: "1" }],
    [tty, { TERM: "dumb" }],
  ] as const) {
    assert.equal(painter(out, environment)("red", "x"), "x");
  }
  assert.equal(painter(tty, { NO_COLOR: "" })("dim", "x"), "\u001b[2mx\u001b[0m", "an empty NO_COLOR says nothing");
});

test("columns of a kind find their values", () => {
  const document = { spec: { list: [{ a: 1 }, { a: 2 }], text: "x", none: null } };
  assert.equal(valueAt(document, ".spec.text"), "x");
  assert.equal(valueAt(document, ".spec.list[1].a"), "2");
  assert.equal(valueAt(document, ".spec.list[*]"), '[{"a":1},{"a":2}]');
  assert.equal(valueAt(document, ".spec.none"), "-");
  assert.equal(valueAt(document, ".spec.missing.deep"), "-");
});

test("a line of a log is read to people, and anything else is left as it is", () => {
  assert.equal(
    readableLog(
      '{"level":"warn","time":"t","pid":1,"router":"router-1","connection":"mesh","attempts":2,"message":"down"}',
    ),
    "warn: down (connection mesh, attempts 2)",
  );
  assert.equal(readableLog('{"level":"info","message":"ready"}'), "info: ready");
  assert.equal(readableLog("plain \u001b[31mtext"), "plain text");
  assert.equal(readableLog("42"), "42");
  assert.equal(readableLog("null"), "null");
});
