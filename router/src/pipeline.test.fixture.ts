// A router without its container: the pipeline over a broker in memory, with instances and callers that are plain clients.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";

import type { BrokerMessage } from "@malla/sdk/broker";
import { createAttemptTable, errorOfReply, Parking } from "@malla/sdk/call";
import {
  type AccessPolicyDocument,
  encodeHeaderBlock,
  encodeProbeAnswer,
  header,
  headerValue,
  type InstanceState,
  type MeshDocument,
  type MeshError,
  parseAttemptSubject,
  parseHeaderBlock,
} from "@malla/sdk/contract";
import { LivePolicy, Registry } from "@malla/sdk/discovery";
import { compile, RetryBudget } from "@malla/sdk/engine";

import { createTestRuntime, instanceState, MemoryKeyValue, MemoryServer, RecordedTelemetry } from "@malla/sdk/testing";
import { ActiveCalls } from "./active-calls.ts";
import { RunSender } from "./attempts/run-sender.ts";
import { FailureLog } from "./failure-log.ts";

import { Claims } from "./idempotency/claims.ts";
import { Pipeline } from "./pipeline.ts";
import type { AdmitLimits } from "./stages/admit.ts";

export const EMPTY = new Uint8Array(0);
export const ROUTER = "router-a";
export const V1 = "malla.dev/v1";

export interface Answer {
  readonly subject: string;
  readonly error: MeshError | undefined;
  readonly payload: string;
  readonly value: (name: string) => string | undefined;
}

export interface Call {
  readonly principal?: string;
  readonly service?: string;
  readonly method?: string;
  readonly reply?: string;
  readonly fields?: readonly string[];
  readonly headers?: Uint8Array;
  readonly payload?: string;
  readonly way?: "call" | "via";
}

export type Serve = (message: BrokerMessage, reply: (fields?: readonly string[], payload?: string) => void) => void;

export function world(documents: readonly MeshDocument[] = [], given: Partial<AdmitLimits> = {}) {
  const limits = { maxInFlight: 100, maxInFlightPerPrincipal: 50, maxBytes: 1e9, maxBytesPerPrincipal: 1e9, ...given };
  const server = new MemoryServer({ maxPayloadBytes: 64 * 1024 });
  const telemetry = new RecordedTelemetry();
  const runtime = createTestRuntime({ telemetry });
  const callbackErrors: unknown[] = [];
  const broker = server.connect({ onCallbackError: (error) => callbackErrors.push(error) });
  const caller = server.connect();
  // All in one go, however slow the machine is.
  const policy = new LivePolicy({ nowMs: () => 0, pause: async () => undefined });
  if (documents.length === 0) policy.loadEmpty();
  else {
    assert.deepEqual(
      compile(documents, 1).problems.filter(({ severity }) => severity === "error"),
      [],
    );
    void policy.swap(1, documents);
    assert.equal(policy.current.revision, 1);
  }
  const parking = new Parking(runtime.timers);
  const registry = new Registry({ onServing: ({ name }) => parking.serviceChanged(name) });
  const attempts = createAttemptTable();
  const active = new ActiveCalls();
  const sender = new RunSender({ broker, router: ROUTER, runtime, registry, attempts });
  const budget = new RetryBudget();
  const bucket = new MemoryKeyValue({ wallMs: () => runtime.clock.wallMs() });
  const toMesh: string[] = [];
  const pipeline = new Pipeline({
    broker,
    runtime,
    policy,
    active,
    limits,
    dispatch: { ...runtime, registry, attempts, sender, parking, budgetOf: () => budget },
    answerMesh: (target) => toMesh.push(target.method),
    failures: new FailureLog(runtime),
    claims: new Claims(bucket, runtime, ROUTER),
  });
  broker.subscribe(`mesh.reply.${ROUTER}.*.*`, (message) => sender.onReply(message));
  broker.subscribe("mesh.call.*.*.*", (message) => pipeline.handle(message, "shared"), "router");
  broker.subscribe(`mesh.via.${ROUTER}.*.*.*`, (message) => pipeline.handle(message, "via"));
  const answers: Answer[] = [];
  caller.subscribe("_INBOX.>", (message) => {
    const block = message.headers.length === 0 ? { status: 0, fields: [] } : parseHeaderBlock(message.headers);
    assert.ok(typeof block !== "string", String(block));
    answers.push({
      subject: message.subject,
      error: errorOfReply(block, "router"),
      payload: Buffer.from(message.payload).toString(),
      value: (name) => headerValue(block, name),
    });
  });
  let count = 0;
  const ran: { subject: string; value: (name: string) => string | undefined; payload: string; reply: string }[] = [];
  return {
    server,
    telemetry,
    runtime,
    broker,
    caller,
    registry,
    active,
    attempts,
    pipeline,
    answers,
    ran,
    toMesh,
    bucket,
    callbackErrors,
    instance: (
      id: string,
      serve: Serve = (_message, reply) => reply(),
      more: Partial<InstanceState> = {},
      service = "orders",
    ) => {
      const connection = server.connect();
      connection.subscribe(`mesh.run.${service}.${id}.*.*`, (message) => {
        if (parseAttemptSubject(message.subject)?.method === "_probe")
          return connection.publish(message.reply, encodeProbeAnswer({ running: [], done: [], unseen: [] }));
        const block = parseHeaderBlock(message.headers);
        assert.ok(typeof block !== "string");
        if (headerValue(block, header.cancel) === undefined) {
          ran.push({
            subject: message.subject,
            value: (name) => headerValue(block, name),
            payload: Buffer.from(message.payload).toString(),
            reply: message.reply,
          });
          serve(message, (fields = [], payload = "") =>
            connection.publish(message.reply, Buffer.from(payload), undefined, encodeHeaderBlock(fields)),
          );
        }
      });
      registry.announce("sdk", service, id, instanceState(more), runtime.clock.nowMs());
      return connection;
    },
    send: ({
      principal = "cart",
      service = "orders",
      method = "place",
      reply = `_INBOX.${principal}.conn.c${count++}`,
      fields = [],
      headers,
      payload = "",
      way = "call",
    }: Call = {}): string => {
      const subject =
        way === "call"
          ? `mesh.call.${principal}.${service}.${method}`
          : `mesh.via.${ROUTER}.${principal}.${service}.${method}`;
      caller.publish(subject, Buffer.from(payload), reply, headers ?? encodeHeaderBlock(fields));
      return reply;
    },
    answerTo: (reply: string): Answer =>
      answers.find(({ subject }) => subject === reply) ??
      assert.fail(`no answer to ${reply}; answers: ${answers.map(({ subject }) => subject).join(" ")}`),
    assertClean: () => {
      assert.deepEqual(telemetry.inFlight, {}, "calls that began and were not told to have ended");
      assert.deepEqual([active.size, active.bytes], [0, 0]);
      assert.equal(attempts.size, 0);
      assert.equal(parking.size, 0);
      assert.equal(runtime.timers.pending, 0);
      assert.deepEqual([...runtime.timerErrors, ...callbackErrors], []);
    },
  };
}

export function access(service: string, action: "allow" | "deny", principal: string): AccessPolicyDocument {
  return {
    apiVersion: V1,
    kind: "AccessPolicy",
    metadata: { name: `${action}-${principal}-${service}` },
    spec: { service, action, mode: "enforce", rules: [{ principals: [principal] }] },
  };
}

/** Open to cart, closed to guests. */
export function guarded(service: string): readonly AccessPolicyDocument[] {
  return [access(service, "allow", "cart"), access(service, "deny", "guest")];
}
