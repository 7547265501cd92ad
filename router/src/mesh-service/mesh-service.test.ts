import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import type { BrokerMessage } from "@malla/sdk/broker";
import { errorOfReply } from "@malla/sdk/call";
import { EMPTY_BLOCK, parseHeaderBlock } from "@malla/sdk/contract";
import { LivePolicy, PolicyStore, Registry } from "@malla/sdk/discovery";
import { createTestRuntime, instanceState, MemoryKeyValue, MemoryServer } from "@malla/sdk/testing";
import { ActiveCalls } from "../active-calls.ts";
import { PolicyFollower } from "../policy/policy-follower.ts";
import { MeshService } from "./mesh-service.ts";

const EMPTY = new Uint8Array(0);
const REPLY = "_INBOX.cart.conn.c1";

async function ask(instances: number): Promise<BrokerMessage> {
  const server = new MemoryServer({ maxPayloadBytes: 16 * 1024 });
  const [broker, caller] = [server.connect(), server.connect()];
  const runtime = createTestRuntime();
  const registry = new Registry();
  for (let i = 0; i < instances; i++) registry.announce("sdk", "orders", `i${i}`, instanceState(), 0, 0);
  const policy = new PolicyFollower({
    broker,
    runtime,
    store: new PolicyStore(new MemoryKeyValue(), ""),
    policy: new LivePolicy(),
    cache: undefined,
    publicKey: "",
  });
  const service = new MeshService({ broker, runtime, registry, active: new ActiveCalls(), policy });
  const answers: BrokerMessage[] = [];
  caller.subscribe(REPLY, (message) => answers.push(message));
  service.answer(
    { principal: "cart", service: "mesh", method: "instances" },
    { subject: "mesh.call.cart.mesh.instances", reply: REPLY, headers: EMPTY, payload: EMPTY },
  );
  await server.settle();
  assert.equal(answers.length, 1);
  return answers[0] as BrokerMessage;
}

test("instances are listed by service", async () => {
  const { payload } = await ask(2);
  const { services } = JSON.parse(Buffer.from(payload).toString()) as { services: Record<string, { id: string }[]> };
  assert.deepEqual(
    services.orders?.map(({ id }) => id),
    ["i0", "i1"],
  );
});

test("a list larger than the broker carries is refused; it depends on what others announce", async () => {
  const { headers } = await ask(1_000);
  const block = headers.length === 0 ? EMPTY_BLOCK : parseHeaderBlock(headers);
  assert.ok(typeof block !== "string", String(block));
  assert.equal(errorOfReply(block, "instance")?.reason, "too-large");
});
