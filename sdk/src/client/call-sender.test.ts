import assert from "node:assert/strict";
import { defaultMaxListeners, getEventListeners, getMaxListeners, setMaxListeners } from "node:events";
import { test } from "node:test";
import type { MeshError } from "../contract/index.ts";
import { LivePolicy } from "../discovery/policy-holder.ts";
import { createTestRuntime } from "../testing/test-runtime.ts";
import { CallSender } from "./call-sender.ts";
import type { Settle } from "./outgoing-request.ts";

test("as many calls as one likes hang on one signal, without Node's warning of a leak, and each lets go of it", () => {
  const under: { settle: Settle; cancelled: MeshError[] }[] = [];
  const sender = new CallSender({
    runtime: createTestRuntime(),
    principal: "cart",
    policy: new LivePolicy(),
    carry: (_request, settle) => {
      const cancelled: MeshError[] = [];
      under.push({ settle, cancelled });
      return { cancel: (error) => cancelled.push(error) };
    },
  });
  const controller = new AbortController();
  const { signal } = controller;
  // What a signal has from the start on Node 20; later ones have no limit.
  setMaxListeners(defaultMaxListeners, signal);
  const send = (own: AbortSignal) =>
    sender.send("catalog", "get", new Uint8Array(), [], false, { signal: own }, () => undefined);
  for (let count = 0; count < 30; count++) send(signal);
  assert.equal(getEventListeners(signal, "abort").length, 30);
  assert.equal(getMaxListeners(signal), 0, "no limit, so no warning");

  for (const { settle } of under.slice(0, 29)) settle(undefined, undefined, 1, "1.0.0");
  assert.equal(getEventListeners(signal, "abort").length, 1);
  controller.abort(new Error("enough"));
  assert.deepEqual(
    under.map(({ cancelled }) => cancelled.length),
    [...Array.from({ length: 29 }, () => 0), 1],
  );

  const limited = new AbortController().signal;
  setMaxListeners(3, limited);
  send(limited);
  assert.equal(getMaxListeners(limited), 3, "a limit of the application's own stays");
});
