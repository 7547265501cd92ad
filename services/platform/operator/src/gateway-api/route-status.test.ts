import assert from "node:assert/strict";
import { test } from "node:test";
import { parentOf, type RouteOptions, translateOne } from "./objects.test.fixture.ts";
import { concernsUs, type DocumentsVerdict, PROGRAMMED, routeStatus } from "./route-status.ts";

const NOW = "2026-05-01T00:00:00Z";
const LATER = "2026-05-02T00:00:00Z";

interface Conditions {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
  readonly lastTransitionTime: string;
}
interface Entry {
  readonly parentRef: object;
  readonly controllerName: string;
  readonly conditions: readonly Conditions[];
}

function statusOf(
  rules: unknown,
  options: RouteOptions = {},
  verdict: DocumentsVerdict = {},
  now = NOW,
): { parents: Entry[] } {
  return routeStatus(translateOne(rules, options), verdict, now) as { parents: Entry[] };
}

function words(entry: Entry | undefined): string[] {
  return entry?.conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`) ?? [];
}

test("accepted, with every reference resolved", () => {
  const { parents } = statusOf([{}], { generation: 7 });
  assert.equal(parents.length, 1);
  assert.deepEqual(parents[0]?.parentRef, parentOf("catalog"));
  assert.equal(parents[0]?.controllerName, "malla.dev/operator");
  assert.deepEqual(words(parents[0]), ["Accepted=True Accepted", "ResolvedRefs=True ResolvedRefs"]);
  for (const { observedGeneration, lastTransitionTime } of parents[0]?.conditions ?? [])
    assert.deepEqual([observedGeneration, lastTransitionTime], [7, NOW]);
});

test("partly invalid: accepted, and the message begins as the standard wants it", () => {
  const { parents } = statusOf([{}, { filters: [{ type: "CORS" }] }]);
  assert.deepEqual(words(parents[0]).slice(2), ["PartiallyInvalid=True UnsupportedValue"]);
  assert.match(parents[0]?.conditions[2]?.message ?? "", /^Dropped Rule: Rule 1 \(.*CORS/);
});

test("wholly invalid: not accepted, and no PartiallyInvalid", () => {
  const { parents } = statusOf([{ filters: [{ type: "CORS" }] }]);
  assert.deepEqual(words(parents[0]), ["Accepted=False UnsupportedValue", "ResolvedRefs=True ResolvedRefs"]);
});

test("a backend that is not there", () => {
  const { parents } = statusOf([{ backendRefs: [{ name: "nobody" }] }]);
  assert.deepEqual(words(parents[0]), ["Accepted=True Accepted", "ResolvedRefs=False BackendNotFound"]);
});

test("the mesh's own refusal, and whether routers have it", () => {
  const refused = statusOf([{}], {}, { refused: "Route/a belongs to someone else" });
  assert.deepEqual(words(refused.parents[0])[0], "Accepted=False UnsupportedValue");
  const programmed = { status: "False", reason: "Pending", message: "router-a has revision 3" } as const;
  const pending = statusOf([{}], {}, { programmed });
  assert.deepEqual(words(pending.parents[0])[2], `${PROGRAMMED}=False Pending`);
});

test("saying the same again changes nothing; an instant changes with its status alone", () => {
  const first = statusOf([{}]);
  const again = statusOf([{}], { status: first }, {}, LATER);
  assert.deepEqual(again, first);
  const changed = statusOf([{ filters: [{ type: "CORS" }] }], { status: first, generation: 2 }, {}, LATER);
  assert.deepEqual(
    changed.parents[0]?.conditions.map(({ type, lastTransitionTime }) => [type, lastTransitionTime]),
    [
      ["Accepted", LATER],
      ["ResolvedRefs", NOW],
    ],
  );
  const partly = statusOf([{}, { filters: [{ type: "CORS" }] }]);
  const healed = statusOf([{}], { status: partly }, {}, LATER);
  assert.deepEqual(words(healed.parents[0]), ["Accepted=True Accepted", "ResolvedRefs=True ResolvedRefs"]);
});

test("other controllers' entries, and others' conditions in ours, stay where they are", () => {
  const foreign = { parentRef: { name: "gateway" }, controllerName: "example.net/gateway", conditions: [] };
  const gone = { parentRef: parentOf("search"), controllerName: "malla.dev/operator", conditions: [] };
  const special = { type: "special.io/Field", status: "True" };
  const ours = { parentRef: parentOf("catalog"), controllerName: "malla.dev/operator", conditions: [special] };
  const { parents } = statusOf([{}], { status: { parents: [gone, foreign, ours], other: 1 } });
  assert.deepEqual(parents[0], foreign);
  assert.deepEqual(parents.length, 2);
  assert.deepEqual(parents[1]?.conditions[0], special);
  assert.equal(parents[1]?.conditions.length, 3);
});

test("what was said of a newer generation than we know stays", () => {
  const newer = { type: "Accepted", status: "False", observedGeneration: 9, reason: "X", message: "" };
  const entry = { parentRef: parentOf("catalog"), controllerName: "malla.dev/operator", conditions: [newer] };
  const { parents } = statusOf([{}], { generation: 8, status: { parents: [entry] } });
  assert.deepEqual(parents[0]?.conditions[0], newer);
});

test("a route that left the mesh is told so once, and others never", () => {
  const options = { parentRefs: [{ name: "gateway" }] };
  assert.equal(concernsUs(translateOne([{}], options)), false);
  const ours = { parentRef: parentOf("catalog"), controllerName: "malla.dev/operator", conditions: [] };
  const left = translateOne([{}], { ...options, status: { parents: [ours] } });
  assert.equal(concernsUs(left), true);
  assert.deepEqual(routeStatus(left, {}, NOW), { parents: [] });
  assert.equal(concernsUs(translateOne([{}], { namespace: "elsewhere" })), false);
});

test("status that is nonsense is replaced", () => {
  for (const status of [
    null,
    "x",
    [],
    { parents: "x" },
    { parents: [null, { controllerName: "malla.dev/operator", conditions: 3 }] },
  ])
    assert.equal(statusOf([{}], { status }).parents.length, 1);
});
