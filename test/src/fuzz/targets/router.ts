// A whole router in memory: any subject, reply, headers and payload to its pipeline, and any answer of the instances behind
// it. Nothing is thrown out of a callback, a call is answered once at most and to its caller alone, what is published can
// be read, and afterwards a good call still succeeds.

import { type MemoryRouter, startMemoryRouter } from "@malla/router/testing";
import type { BrokerMessage } from "@malla/sdk/broker";
import {
  callSubject,
  cancelSubject,
  encodeHeaderBlock,
  encodeInstanceState,
  encodeProbeAnswer,
  header,
  inboxSubject,
  instanceSubject,
  MESH_SERVICE,
  parseAttemptSubject,
  parseCallSubject,
  replySubject,
  serveSubject,
  viaSubject,
} from "@malla/sdk/contract";
import { POLICY_BUCKET, PolicyStore } from "@malla/sdk/discovery";
import { canonicalBytes, contentHash, parseDocuments } from "@malla/sdk/resources";
import { createTestRuntime, instanceState, MemoryKeyValue, MemoryServer } from "@malla/sdk/testing";
import { createUser } from "@nats-io/nkeys";
import { bytesOf, type FuzzTarget, type Input, must, type RunningTarget, textOf } from "../target.ts";
import { checkPublishedHeaders, WatchedBroker } from "../watched-broker.ts";

const ROUTER = "router-memory";
const MAX_PAYLOAD_BYTES = 80 * 1024;
const EMPTY = new Uint8Array(0);
/** How often it is tried whether all is well, in inputs. */
const CHECK_EVERY = 10_000;
/** Longer than any call may take, in ms. */
const LONG_MS = 301_000;
const STEP_MS = 7;
/** How the reply subject of a call ends; its number follows. */
const CALL_ID = "c1";

const POLICY = `
apiVersion: malla.dev/v1
kind: Route
metadata: { name: beta }
spec:
  match: { service: orders, methods: ["P*"], headers: { x-beta: { regex: "(a+)+b" } } }
  destinations: [{ version: "1.x", weight: 1 }, { version: "2.x", weight: 9, failover: any }]
  timeoutMs: 2000
  perTryTimeoutMs: 200
  retries: { attempts: 2, on: [unavailable, deadline, unknown, aborted] }
---
apiVersion: malla.dev/v1
kind: ServicePolicy
metadata: { name: orders }
spec: { service: orders, timeoutMs: 3000, idempotentMethods: [List], retries: { attempts: 3 } }
---
apiVersion: malla.dev/v1
kind: AccessPolicy
metadata: { name: secret }
spec: { service: secret, action: allow, rules: [{ principals: [web], headers: { x-beta: { prefix: a } } }] }
---
apiVersion: malla.dev/v1
kind: ServicePolicy
metadata: { name: legacy }
spec: { service: legacy, plainMethods: [Do] }
`;

/** The bucket of a real mesh forgets by age; this one by number, or the fuzzer's keys would be all that grows. */
class ShortMemory extends MemoryKeyValue {
  readonly #keys: string[] = [];

  override async put(...args: Parameters<MemoryKeyValue["put"]>): ReturnType<MemoryKeyValue["put"]> {
    this.#keys.push(args[0]);
    if (this.#keys.length > 2_000) await this.delete(this.#keys.shift() as string);
    return await super.put(...args);
  }
}

class RouterWorld {
  readonly #server = new MemoryServer({ maxPayloadBytes: MAX_PAYLOAD_BYTES });
  readonly #runtime = createTestRuntime();
  readonly #thrown: unknown[] = [];
  readonly #watched = new WatchedBroker(
    this.#server.connect({ onCallbackError: (error) => void this.#thrown.push(error) }),
  );
  readonly #callers = this.#server.connect();
  readonly #answers: BrokerMessage[] = [];
  #router: MemoryRouter | undefined;
  #answer: { readonly headers: Uint8Array; readonly payload: Uint8Array } = { headers: EMPTY, payload: EMPTY };
  #count = 0;

  async open(): Promise<RunningTarget> {
    const key = createUser();
    const policyBucket = new MemoryKeyValue();
    await this.#applyPolicy(new PolicyStore(policyBucket, key.getPublicKey()), key.getSeed());
    this.#callers.subscribe("_INBOX.>", (message) => void this.#answers.push(message));
    this.#serve();
    this.#router = await startMemoryRouter({
      router: ROUTER,
      broker: this.#watched,
      runtime: this.#runtime,
      policyBucket,
      claimBucket: new ShortMemory(),
      policyPublicKey: key.getPublicKey(),
      maxInFlight: 2_000,
      maxInFlightPerPrincipal: 500,
    });
    await this.#announce();
    this.#watched.takePublished();
    return { run: (input) => this.#run(input), finish: () => this.#allIsWell(), close: () => this.#close() };
  }

  async #applyPolicy(store: PolicyStore, seed: Uint8Array): Promise<void> {
    const { documents, problems } = parseDocuments(POLICY, { file: POLICY_BUCKET });
    must(problems.length === 0, () => JSON.stringify(problems[0]));
    const put = documents.map((document) => ({
      document,
      bytes: canonicalBytes(document),
      hash: contentHash(document),
    }));
    await store.write(await store.read(), { put, remove: [], action: "apply" }, "fuzz", seed);
  }

  /** Instances of every service, and a plain one, that answer what the input says. */
  #serve(): void {
    const instances = this.#server.connect();
    const answer = ({ subject, reply }: BrokerMessage): void => {
      if (reply === "") return;
      if (parseAttemptSubject(subject)?.method === "_probe") {
        instances.publish(reply, encodeProbeAnswer({ running: [], done: [], unseen: [] }));
        return;
      }
      const { headers, payload } = this.#answer;
      instances.publish(reply, payload.subarray(0, MAX_PAYLOAD_BYTES - headers.length), undefined, headers);
    };
    instances.subscribe("mesh.run.*.*.*.*", answer);
    instances.subscribe("mesh.serve.*.*", answer);
  }

  async #announce(): Promise<void> {
    const methods = ["Place", "List"];
    for (const [id, version] of [
      ["i1", "1.2.0"],
      ["i2", "2.0.0"],
    ] as const)
      this.#callers.publish(instanceSubject("orders", id), encodeInstanceState(instanceState({ version, methods })));
    await this.#server.settle();
  }

  async #run([
    kind,
    subject,
    reply,
    headers = EMPTY,
    payload = EMPTY,
    replyHeaders = EMPTY,
    replyPayload = EMPTY,
  ]: Input): Promise<string> {
    this.#answer = { headers: replyHeaders.subarray(0, MAX_PAYLOAD_BYTES), payload: replyPayload };
    const room = Math.max(0, MAX_PAYLOAD_BYTES - headers.length);
    const message: BrokerMessage = {
      subject: textOf(subject),
      reply: this.#unique(textOf(reply)),
      headers: headers.subarray(0, MAX_PAYLOAD_BYTES),
      payload: payload.subarray(0, room),
    };
    const way = (kind?.[0] ?? 0) % 3;
    // Past the broker, which would not let such subjects through; and by it, as everybody else.
    if (way === 0) this.#pipeline.handle(message, "shared");
    else if (way === 1) this.#pipeline.handle(message, "via");
    else this.#callers.publish(message.subject, message.payload, message.reply, message.headers);
    await this.#server.settle();
    this.#runtime.clock.advance(STEP_MS);
    const shape = this.#judge(message);
    this.#count++;
    if (this.#count % CHECK_EVERY === 0) await this.#allIsWell();
    return shape;
  }

  get #pipeline(): MemoryRouter {
    return this.#router as MemoryRouter;
  }

  #judge(message: BrokerMessage): string {
    const published = this.#watched.takePublished();
    this.#answers.length = 0;
    const target = parseCallSubject(message.subject);
    this.#nothingThrown();
    for (const { subject, headers } of published) {
      checkPublishedHeaders(headers);
      const isForward = /^mesh\.(run|serve|router|policy)\.|^\$SRV\.(PING|INFO)/.test(subject);
      must(isForward || /^_INBOX\.[a-z0-9-]+\.[^*>\s]+$/.test(subject), `published to ${subject}`);
    }
    // Not what arrived: the broker itself answers where nobody listens.
    const own = published.filter(({ subject }) => subject === message.reply);
    if (own.length > 0 && !this.#isOften(message.reply)) {
      must(own.length === 1, `answered ${own.length} times`);
      must(target !== undefined && message.reply.startsWith(`_INBOX.${target.principal}.`), "answered to a stranger");
    }
    const said = own[0]?.headers === undefined ? "-" : textOf(own[0].headers).match(/Malla-Reason: (\S+)/)?.[1];
    const sent = published.map(({ subject }) => subject.split(".", 2)[1]?.slice(0, 5)).join(" ");
    return `${own.length > 0 && said === undefined ? "ok" : "no"} ${said} ${target?.service.length} ${sent.slice(0, 40)}`;
  }

  /** Each call has a reply subject of its own, unless the fuzzer has changed how it ends. */
  #unique(reply: string): string {
    return reply.endsWith(CALL_ID) ? `${reply}x${this.#count}` : reply;
  }

  /** Where the reply subject has been changed, calls before may have waited for an answer on the same. */
  #isOften(reply: string): boolean {
    return !reply.endsWith(`${CALL_ID}x${this.#count}`);
  }

  #nothingThrown(): void {
    const thrown = [...this.#thrown.splice(0), ...this.#runtime.timerErrors.splice(0)];
    if (thrown.length > 0) throw thrown[0];
  }

  /** Everything that has begun ends; then a good call succeeds. */
  async #allIsWell(): Promise<void> {
    this.#answer = { headers: EMPTY, payload: bytesOf("fine") };
    for (let part = 0; part < 7; part++) {
      this.#runtime.clock.advance(LONG_MS / 7);
      await this.#server.settle();
    }
    this.#nothingThrown();
    const { calls, attempts, parked } = this.#pipeline.unfinished;
    must(calls + attempts + parked === 0, `${calls} calls, ${attempts} attempts, ${parked} parked never ended`);
    const metrics = await this.#pipeline.metrics();
    must(metrics.length < 4 * 1024 * 1024, `metrics of ${metrics.length} bytes`);
    await this.#announce();
    this.#answers.length = 0;
    const reply = inboxSubject("cart", "good", `c${this.#count}`);
    this.#callers.publish(
      callSubject("cart", "orders", "Place"),
      bytesOf("{}"),
      reply,
      encodeHeaderBlock([header.timeout, "500"]),
    );
    await this.#server.settle();
    const answer = this.#answers.find(({ subject }) => subject === reply);
    must(answer !== undefined, "a good call was not answered");
    must(textOf(answer.payload) === "fine", () => `a good call failed: ${textOf(answer.headers)}`);
    this.#watched.takePublished();
    this.#answers.length = 0;
  }

  async #close(): Promise<void> {
    await this.#pipeline.drain();
  }
}

const FIELDS = encodeHeaderBlock([header.timeout, "500", header.contentType, "application/json", "X-Beta", "aaab"]);
const OK = encodeHeaderBlock([header.contentType, "application/json", header.load, "1,0,0"]);
const FAILED = encodeHeaderBlock([
  header.status,
  "NOT_FOUND",
  header.reason,
  "application",
  header.serviceError,
  "no",
  header.serviceErrorCode,
  "404",
]);
const REFUSED = encodeHeaderBlock([
  header.status,
  "UNAVAILABLE",
  header.reason,
  "not-started",
  header.origin,
  "instance",
]);
const INFO = JSON.stringify({
  name: "legacy",
  version: "1.0.0",
  endpoints: [{ subject: serveSubject("legacy", "Do") }],
});

function call(kind: number, subject: string, headers: Uint8Array, replyHeaders: Uint8Array, payload = "{}"): Input {
  const principal = subject.includes(".web.") ? "web" : "cart";
  return [
    Uint8Array.of(kind),
    bytesOf(subject),
    bytesOf(inboxSubject(principal, "conn", CALL_ID)),
    headers,
    bytesOf(payload),
    replyHeaders,
    bytesOf("{}"),
  ];
}

const SEEDS: readonly Input[] = [
  // Answers that fill what the broker carries: the router's own headers come on top.
  [
    ...call(2, callSubject("cart", "orders", "List"), FIELDS, FAILED).slice(0, -1),
    new Uint8Array(MAX_PAYLOAD_BYTES).fill(0x61),
  ],
  call(0, callSubject("cart", "orders", "Place"), FIELDS, OK),
  call(2, callSubject("cart", "orders", "List"), FIELDS, FAILED),
  call(1, viaSubject(ROUTER, "cart", "orders", "Place"), FIELDS, REFUSED),
  call(2, viaSubject(ROUTER, "web", "secret", "Read"), encodeHeaderBlock(["x-beta", "ab"]), OK),
  call(2, callSubject("cart", "legacy", "Do"), EMPTY, EMPTY),
  call(0, callSubject("cart", "orders", "Place"), encodeHeaderBlock([header.idempotencyKey, "k1"]), OK),
  call(0, callSubject("cart", "nowhere", "Place"), EMPTY, OK),
  call(2, viaSubject(ROUTER, "cart", MESH_SERVICE, "probe"), encodeHeaderBlock([header.probe, "c1,c2,c1"]), OK),
  call(2, callSubject("cart", MESH_SERVICE, "instances"), EMPTY, OK),
  call(2, callSubject("cart", MESH_SERVICE, "policy"), EMPTY, OK),
  [Uint8Array.of(2), bytesOf(cancelSubject(ROUTER, "cart", "c1")), EMPTY, EMPTY, EMPTY, EMPTY, EMPTY],
  [
    Uint8Array.of(2),
    bytesOf(instanceSubject("orders", "i3")),
    EMPTY,
    EMPTY,
    encodeInstanceState(instanceState()),
    OK,
    EMPTY,
  ],
  [
    Uint8Array.of(2),
    bytesOf(replySubject(ROUTER, "orders", "x1")),
    EMPTY,
    OK,
    encodeProbeAnswer({ running: ["a"], done: ["b"], unseen: ["c"] }),
    OK,
    EMPTY,
  ],
  [Uint8Array.of(2), bytesOf(replySubject(ROUTER, "legacy", "info-1")), EMPTY, EMPTY, bytesOf(INFO), OK, EMPTY],
];

export const router: FuzzTarget = {
  name: "whole-router",
  seeds: SEEDS,
  words: [
    ".",
    "*",
    ">",
    "mesh.",
    "_INBOX.cart.",
    "\r\n",
    "Malla-Timeout: 1\r\n",
    "Malla-Status: ABORTED\r\n",
    "Malla-Reason: gone\r\n",
    "Malla-Retry-After: 1\r\n",
    "Nats-Service-Error: x\r\n",
    "Malla-Idempotency-Key: k\r\n",
    "Malla-Load: 9,9,9\r\n",
    "baggage: a=b\r\n",
    "orders",
    "Place",
    '"endpoints":',
    "null",
  ],
  maxBytes: MAX_PAYLOAD_BYTES,
  shortInputs: 6_000,
  open: () => new RouterWorld().open(),
};
