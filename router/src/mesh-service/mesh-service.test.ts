import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { errorOfReply, MAX_PROBED_IDS } from "@malla/sdk/call";
import {
  decodeProbeAnswer,
  encodeHeaderBlock,
  header,
  type MeshError,
  parseCallSubject,
  parseHeaderBlock,
} from "@malla/sdk/contract";
import { Registry } from "@malla/sdk/discovery";
import { createTestRuntime, instanceState, MemoryServer, RecordedTelemetry } from "@malla/sdk/testing";
import { ActiveCalls } from "../active-calls.ts";
import { MAX_ANSWER_BYTES_PER_SECOND, MIN_ANSWER_BYTES } from "./answer-allowance.ts";
import { MeshService } from "./mesh-service.ts";

const EMPTY = new Uint8Array(0);
const POLICY_BYTES = 512 * 1024;

function world(policyBytes = POLICY_BYTES) {
  const server = new MemoryServer();
  const telemetry = new RecordedTelemetry();
  const runtime = createTestRuntime({ telemetry });
  const broker = server.connect();
  const active = new ActiveCalls();
  const registry = new Registry();
  const policy = { push: () => Buffer.alloc(policyBytes) };
  const service = new MeshService({ broker, runtime, registry, active, policy });
  broker.subscribe("mesh.call.*.*.*", (message) => {
    service.answer(parseCallSubject(message.subject) ?? assert.fail(message.subject), message);
  });
  const caller = server.connect();
  const answers: { subject: string; error: MeshError | undefined; payload: Uint8Array }[] = [];
  caller.subscribe("_INBOX.>", ({ subject, headers, payload }) => {
    const block = headers.length === 0 ? { status: 0, fields: [] } : parseHeaderBlock(headers);
    assert.ok(typeof block !== "string");
    answers.push({ subject, error: errorOfReply(block, "router"), payload });
  });
  return {
    active,
    registry,
    runtime,
    telemetry,
    /** Asks so often; resolves to what came. */
    ask: async (principal: string, method: string, times = 1, fields: readonly string[] = []) => {
      answers.length = 0;
      for (let i = 0; i < times; i++)
        caller.publish(
          `mesh.call.${principal}.mesh.${method}`,
          EMPTY,
          `_INBOX.${principal}.c.${i}`,
          encodeHeaderBlock(fields),
        );
      await server.settle();
      return [...answers];
    },
  };
}

test("answers what it has, and names what it has for what it has not", async () => {
  const w = world();
  w.registry.announce("sdk", "orders", "i1", instanceState(), 0);
  const [policy] = await w.ask("web", "policy");
  const [instances] = await w.ask("web", "instances");
  const [nothing] = await w.ask("web", "shutdown");
  assert.equal(policy?.payload.length, POLICY_BYTES);
  assert.match(Buffer.from(instances?.payload ?? EMPTY).toString(), /^\{"services":\{"orders":\[\{"id":"i1"/);
  assert.deepEqual(
    [nothing?.error?.reason, nothing?.error?.message.includes("policy, instances, probe")],
    ["no-method", true],
  );
});

test("a principal that asks for too much within a second is told to wait, others are answered", async () => {
  const w = world();
  const enough = MAX_ANSWER_BYTES_PER_SECOND / POLICY_BYTES;
  const answers = await w.ask("greedy", "policy", enough + 5);
  assert.deepEqual(
    answers.map(({ error }) => error?.reason),
    [...new Array<undefined>(enough).fill(undefined), ...new Array<string>(5).fill("rate-limited")],
  );
  assert.equal(answers.at(-1)?.error?.retryAfterMs, 1_000);
  assert.deepEqual(w.telemetry.rejections, new Array(5).fill({ stage: "mesh-service", reason: "rate-limited" }));
  assert.equal((await w.ask("modest", "policy"))[0]?.error, undefined);
  w.runtime.clock.advance(1_000);
  assert.equal((await w.ask("greedy", "policy"))[0]?.error, undefined);
});

test("small questions count as well; a probe too many is met by silence, and may ask again", async () => {
  const w = world();
  const enough = MAX_ANSWER_BYTES_PER_SECOND / MIN_ANSWER_BYTES;
  assert.equal((await w.ask("greedy", "probe", enough + 10, [header.probe, "a"])).length, enough);
  w.runtime.clock.advance(1_000);
  assert.equal((await w.ask("greedy", "probe", 1, [header.probe, "a"])).length, 1);
});

test("replies that are sent again for a probe count with their bytes", async () => {
  const w = world();
  const large = Buffer.alloc(900 * 1024);
  for (let i = 0; i < 8; i++) w.active.finished.keep(`d${i}`, `_INBOX.cart.x.d${i}`, large, EMPTY, 0, "cart");
  const ids = Array.from({ length: 8 }, (_, i) => `d${i}`).join(",");
  const answers = await w.ask("cart", "probe", 10, [header.probe, ids]);
  // Three probes with about 7 MiB each, and no more.
  assert.ok(answers.length < 4 * 9, `${answers.length} answers`);
});

test("a probe names so many ids; one that names more is refused, and burns none", async () => {
  const w = world();
  const ids = Array.from({ length: MAX_PROBED_IDS + 1 }, (_, i) => `id-${i}`);
  const [refused] = await w.ask("cart", "probe", 1, [header.probe, ids.join(",")]);
  assert.equal(refused?.error?.reason, "bad-request");
  assert.ok(ids.every((id) => w.active.mayStart(id, "cart")));
  const [answer] = await w.ask("cart", "probe", 1, [header.probe, ids.slice(1).join(",")]);
  assert.deepEqual(decodeProbeAnswer(answer?.payload ?? EMPTY)?.unseen, ids.slice(1));
  assert.deepEqual([w.active.mayStart("id-0", "cart"), w.active.mayStart("id-1", "cart")], [true, false]);
});

test("an answer the broker does not carry is refused as too large, not lost", async () => {
  const w = world(1024 * 1024);
  assert.equal((await w.ask("web", "policy"))[0]?.error?.reason, "too-large");
});
