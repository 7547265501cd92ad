import assert from "node:assert/strict";
import { test } from "node:test";
import type { BrokerStatus } from "@malla/sdk/broker";
import { RecordedTelemetry } from "@malla/sdk/testing";
import { tellStatus } from "./connections.ts";

test("what the broker refuses a router is one error with connection, operation and subject", () => {
  const { lines, log } = new RecordedTelemetry();
  let tell: (status: BrokerStatus) => void = () => undefined;
  const onStatus = (listener: typeof tell): (() => void) => {
    tell = listener;
    return () => undefined;
  };
  tellStatus({ onStatus, server: "nats://a:4222" }, "mesh", log);
  tell({ type: "denied", operation: "publish", subject: "mesh.policy.live" });
  tell({ type: "disconnected" });
  tell({ type: "connected" });
  tell({ type: "lame-duck" });
  tell({ type: "moved" });
  assert.deepEqual(
    lines.map(({ level, facts }) => [level, facts]),
    [
      ["error", { connection: "mesh", operation: "publish", subject: "mesh.policy.live" }],
      ["warn", { connection: "mesh" }],
      ["info", { connection: "mesh", server: "nats://a:4222" }],
      ["info", { connection: "mesh" }],
      ["info", { connection: "mesh", server: "nats://a:4222" }],
    ],
  );
});
