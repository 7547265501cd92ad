import assert from "node:assert/strict";
import { test } from "node:test";
import type { Dispatch } from "@malla/sdk/call";
import { createTestRuntime, RecordedTelemetry } from "@malla/sdk/testing";
import { ActiveCalls } from "../active-calls.ts";
import { Cancels } from "./cancels.ts";

const EMPTY = new Uint8Array(0);

test("a caller cancels its own call; another's, and nonsense, is refused; one that has ended is nobody's fault", () => {
  const telemetry = new RecordedTelemetry();
  const active = new ActiveCalls();
  const reasons: string[] = [];
  const dispatch = { cancel: ({ reason }: { reason: string }) => void reasons.push(reason) } as unknown as Dispatch;
  active.start({ id: "a", principal: "cart", bytes: 0, dispatch });
  const cancels = new Cancels({ runtime: createTestRuntime({ telemetry }), active });
  const hear = (subject: string): void => cancels.hear({ subject, reply: "", headers: EMPTY, payload: EMPTY });
  hear("mesh.cancel.router-a.web.a");
  hear("mesh.cancel.router-a.cart.$");
  hear("mesh.cancel.router-a.cart.ended-already");
  assert.deepEqual(reasons, []);
  assert.deepEqual(telemetry.rejections, [
    { stage: "cancel", reason: "denied" },
    { stage: "cancel", reason: "bad-request" },
  ]);
  assert.deepEqual(
    telemetry.lines.map(({ facts }) => facts["principal"]),
    ["web", "cart"],
  );
  hear("mesh.cancel.router-a.cart.a");
  assert.deepEqual(reasons, ["cancelled"]);
});
