import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeTestEvent, toTestEvent } from "./test-event.ts";

const file = "/a/b.test.ts";

function event(type: string, data: NodeTestEvent["data"]): NodeTestEvent {
  return { type, data: { file, name: "n", nesting: 0, ...data } };
}

const cases: readonly { name: string; given: NodeTestEvent; want: string | undefined }[] = [
  {
    name: "a test that passed",
    given: event("test:pass", { details: { type: "test", duration_ms: 3 } }),
    want: "passed",
  },
  { name: "a group that passed", given: event("test:pass", { details: { type: "suite" } }), want: undefined },
  {
    name: "a group that was skipped",
    given: event("test:pass", { skip: "why", details: { type: "suite" } }),
    want: "skipped",
  },
  { name: "a test that was skipped", given: event("test:pass", { skip: "why" }), want: "skipped" },
  { name: "a test that was skipped without saying why", given: event("test:pass", { skip: true }), want: "skipped" },
  { name: "a test to do that fails", given: event("test:fail", { todo: true, details: {} }), want: "skipped" },
  { name: "a file without tests", given: event("test:pass", { name: file }), want: "failed" },
  {
    name: "a file without tests, by its relative name",
    given: event("test:pass", { name: "b.test.ts" }),
    want: "failed",
  },
  {
    name: "a test that failed",
    given: event("test:fail", { details: { error: { cause: new Error("x") } } }),
    want: "failed",
  },
  {
    name: "a test that failed because of one inside",
    given: event("test:fail", { details: { error: { failureType: "subtestsFailed" } } }),
    want: undefined,
  },
  {
    name: "a group whose hook failed",
    given: event("test:fail", {
      details: { type: "suite", error: { failureType: "hookFailed", cause: new Error("x") } },
    }),
    want: "failed",
  },
  { name: "the plan", given: event("test:plan", {}), want: undefined },
  { name: "a word on a file", given: event("test:diagnostic", { message: "x" }), want: "output" },
  { name: "a word on the run", given: { type: "test:diagnostic", data: { message: "x" } }, want: undefined },
  { name: "what a file wrote", given: event("test:stderr", { message: "x" }), want: "output" },
];

for (const { name, given, want } of cases) {
  test(`${name} is ${want ?? "not counted"}`, () => assert.equal(toTestEvent(given, [])?.kind, want));
}

test("a test that was skipped says why", () => {
  const reason = (data: NodeTestEvent["data"]): unknown => {
    const found = toTestEvent(event("test:pass", data), []);
    return found?.kind === "skipped" && found.reason;
  };
  assert.deepEqual([reason({ skip: "why" }), reason({ skip: true }), reason({ todo: "later" })], ["why", "", "later"]);
});

test("a failure has the names around it and the whole error", () => {
  const cause = new Error("outer", { cause: new Error("inner") });
  const found = toTestEvent(event("test:fail", { details: { error: { cause } } }), ["group"]);
  assert.equal(found?.kind, "failed");
  assert.equal(found.name, "group > n");
  assert.match(found.error, /outer[\s\S]*inner/);
});
