import assert from "node:assert/strict";
import { test } from "node:test";
import { readPlainService } from "../live/presence.ts";
import { serviceLines } from "../verbs/services.ts";
import { mergeAnswers } from "./ask-routers.ts";
import { joinInstances, readStats } from "./survey.ts";

const seen = { version: "1.0.0", phase: "serving", kind: "sdk" as const, tags: { zone: "a" } };
const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

test("calls in flight of all routers add up", () => {
  const merged = mergeAnswers([
    { services: { cart: [{ ...seen, id: "i1", inFlight: 2 }] } },
    {
      services: {
        cart: [
          { ...seen, id: "i1", inFlight: 3 },
          { ...seen, id: "i2", inFlight: 1 },
        ],
      },
    },
  ]);
  assert.deepEqual(
    [...merged].map(([key, { inFlight }]) => [key, inFlight]),
    [
      ["cart/i1", 5],
      ["cart/i2", 1],
    ],
  );
});

test("what instances say and what routers know is one list; who does not answer is silent", () => {
  const known = mergeAnswers([
    {
      services: {
        cart: [
          { ...seen, id: "i1", phase: "draining", inFlight: 2 },
          { ...seen, id: "lost", inFlight: 0 },
        ],
        plain: [{ ...seen, id: "plain", kind: "plain", tags: {}, inFlight: 4 }],
      },
    },
  ]);
  const found = joinInstances(
    [
      {
        name: "plain",
        id: "P1",
        version: "2.0.0",
        endpoints: [{ name: "get", subject: "mesh.serve.plain.get", num_requests: 3, num_errors: 1 }],
      },
      {
        name: "cart",
        id: "i1",
        version: "1.0.0",
        endpoints: [
          { name: "get", num_requests: 5 },
          { name: "put", num_requests: 2 },
        ],
      },
    ],
    known,
  );
  assert.deepEqual(
    found.map(({ service, id, kind, phase, inFlight, requests, errors }) => [
      service,
      id,
      kind,
      phase,
      inFlight,
      requests,
      errors,
    ]),
    [
      ["cart", "i1", "sdk", "draining", 2, 7, 0],
      ["cart", "lost", "sdk", "silent", 0, 0, 0],
      ["plain", "P1", "plain", "serving", 4, 3, 1],
    ],
  );
  const [cart, plain] = serviceLines(found, (service) => service === "plain");
  assert.deepEqual([cart?.name, cart?.kind, cart?.inFlight, cart?.access], ["cart", "sdk", 2, "policy"]);
  assert.deepEqual([plain?.kind, plain?.inFlight, plain?.access, plain?.versions], ["plain", 4, "open", ["2.0.0"]]);
});

test("a plain service is one that serves on its own mesh.serve subjects", () => {
  const info = {
    name: "plain",
    id: "P1",
    version: "1.0.0",
    endpoints: [
      { name: "get", subject: "mesh.serve.plain.get" },
      { name: "x", subject: "elsewhere" },
    ],
  };
  assert.deepEqual(readPlainService(bytes(info))?.state.methods, ["get"]);
  assert.equal(readPlainService(bytes({ ...info, name: "other" })), undefined, "another's subject proves nothing");
  assert.equal(readPlainService(bytes({ ...info, endpoints: undefined })), undefined);
  assert.equal(readPlainService(bytes(null)), undefined);
  assert.equal(readPlainService(Buffer.from("no json")), undefined);
});

test("an answer that is not what it should be costs its teller his line, and nobody else", () => {
  const read = (value: unknown): unknown =>
    readStats(Buffer.from(typeof value === "string" ? value : JSON.stringify(value)));
  const said = { name: "orders", id: "i1", version: "1.0.0" };
  for (const nonsense of [
    "",
    "null",
    "7",
    "[]",
    "{}",
    "x",
    { ...said, name: 7 },
    { ...said, name: "../*" },
    { ...said, id: [] },
  ])
    assert.equal(read(nonsense), undefined, JSON.stringify(nonsense));
  for (const endpoints of ["x", 7, null, {}, [null, 7, "x", {}, { name: {} }]])
    assert.deepEqual(read({ ...said, endpoints }), { ...said, endpoints: [] }, JSON.stringify(endpoints));
  assert.deepEqual(read({ ...said, endpoints: [{ name: "place", subject: 7, num_requests: "many", num_errors: 2 }] }), {
    ...said,
    endpoints: [{ name: "place", num_requests: 0, num_errors: 2 }],
  });
});
