import assert from "node:assert/strict";
import { test } from "node:test";
import { instanceState } from "../testing/exchange-fixture.ts";
import {
  announcedLength,
  announcementProblem,
  MAX_ANNOUNCED_METHODS,
  MAX_ANNOUNCED_TAGS,
  MAX_ANNOUNCED_WORD_LENGTH,
} from "./announcement-bounds.ts";
import { decodeInstanceState, decodeRouterState, encodeInstanceState, encodeRouterState } from "./control-messages.ts";

const words = (count: number): string[] => Array.from({ length: count }, (_, i) => `w${i}`);
const long = "x".repeat(MAX_ANNOUNCED_WORD_LENGTH + 1);
const tags = (count: number): Record<string, string> => Object.fromEntries(words(count).map((name) => [name, "v"]));

test("as much as may be said is heard", () => {
  const state = instanceState({
    version: "x".repeat(MAX_ANNOUNCED_WORD_LENGTH),
    methods: words(MAX_ANNOUNCED_METHODS),
    idempotentMethods: words(MAX_ANNOUNCED_METHODS),
    tags: tags(MAX_ANNOUNCED_TAGS),
  });
  assert.equal(announcementProblem(state), undefined);
  assert.notEqual(decodeInstanceState(encodeInstanceState(state)), undefined);
});

for (const [name, more, problem] of [
  ["methods", { methods: words(MAX_ANNOUNCED_METHODS + 1) }, /1025 methods/],
  ["idempotent methods", { idempotentMethods: words(MAX_ANNOUNCED_METHODS + 1) }, /1025 methods/],
  ["tags", { tags: tags(MAX_ANNOUNCED_TAGS + 1) }, /65 tags/],
  ["capabilities", { capabilities: words(MAX_ANNOUNCED_TAGS + 1) }, /capabilities/],
  ["a long version", { version: long }, /256 characters/],
  ["a long method", { methods: [long] }, /256 characters/],
  ["a long tag", { tags: { [long]: "v" } }, /256 characters/],
  ["a long tag value", { tags: { zone: long } }, /256 characters/],
  ["a method whose name is none", { methods: ["a b"] }, /name is none/],
  ["a version that steers a terminal", { version: "1\u001b[2J" }, /control character/],
  ["a tag that does", { tags: { zone: "a\nb" } }, /control character/],
] as const)
  test(`${name}: it is not heard`, () => {
    const state = instanceState(more);
    assert.match(announcementProblem(state) ?? "", problem);
    assert.equal(decodeInstanceState(encodeInstanceState(state)), undefined);
  });

test("nor a router that says too much", () => {
  const load = { inFlight: 0, queued: 0, loopLagMs: 0 };
  const rest = { protocol: 1, load, maxInFlight: 1, draining: false, policyRevision: 0, sentAtMs: 0 };
  const heard = (version: string, capabilities: readonly string[]): boolean =>
    decodeRouterState(encodeRouterState({ ...rest, version, capabilities })) !== undefined;
  assert.deepEqual(
    [heard("1.0.0", []), heard(long, []), heard("1.0.0", words(MAX_ANNOUNCED_TAGS + 1))],
    [true, false, false],
  );
});

test("its length is what is kept of it", () =>
  assert.equal(
    announcedLength({
      version: "1",
      tags: { ab: "c" },
      methods: ["de"],
      idempotentMethods: ["f"],
      capabilities: ["g"],
    }),
    1 + 3 + 2 + 1 + 1,
  ));
