// A caller in memory and the router that answers it: any reply, to its call, to its probe, to nothing it asked. Every call
// ends once, with a value or a MeshError, and afterwards a good one still succeeds.
import { MeshError } from "@malla/sdk";
import type { BrokerMessage } from "@malla/sdk/broker";
import { encodeHeaderBlock, encodeRouterState, header, routerSubject } from "@malla/sdk/contract";
import { loadContract } from "@malla/sdk/protobuf";
import { createTestRuntime, joinInMemory, MemoryServer } from "@malla/sdk/testing";
import { checkoutPath } from "../shipped-policies.ts";
import { bytesOf, type FuzzTarget, type Input, must, type RunningTarget, textOf } from "../target.ts";
import { checkPublishedHeaders, WatchedBroker } from "../watched-broker.ts";

const ROUTER = "router-a";
const EMPTY = new Uint8Array(0);
const MAX_PAYLOAD_BYTES = 128 * 1024;
const CHECK_EVERY = 10_000;
const STEP_MS = 7;
const TIMEOUT_MS = 2_000;
/** Deadline, grace and the last probe of a call that was never answered, in ms. */
const LONG_MS = 20_000;

const contract = await loadContract(checkoutPath("services/shop/protos/payments.proto"), { name: "payments" });
const method = [...contract.methods.keys()][0] as string;

class CallerWorld {
  readonly #server = new MemoryServer({ maxPayloadBytes: MAX_PAYLOAD_BYTES });
  readonly #runtime = createTestRuntime();
  readonly #thrown: unknown[] = [];
  readonly #watched = new WatchedBroker(
    this.#server.connect({ onCallbackError: (error) => void this.#thrown.push(error) }),
  );
  readonly #router = this.#server.connect();
  #answer: (message: BrokerMessage) => void = () => undefined;
  #count = 0;

  async open(): Promise<RunningTarget> {
    this.#router.subscribe("mesh.call.*.*.*", (message) => this.#answer(message));
    this.#router.subscribe(`mesh.via.${ROUTER}.*.*.*`, (message) => this.#answer(message));
    const mesh = await joinInMemory(this.#watched, this.#runtime, { service: "cart" });
    const client = mesh.client(contract) as Readonly<
      Record<string, (request: object, options: object) => Promise<unknown>>
    >;
    const options = { timeoutMs: TIMEOUT_MS };
    const calls = [
      async (): Promise<unknown> => await mesh.call("orders", "Place", { a: 1 }, options),
      async (): Promise<unknown> => await mesh.call("orders", "List", undefined, { ...options, idempotencyKey: "k" }),
      async (): Promise<unknown> => await client[method]?.({}, options),
    ];
    return {
      run: async (input) => await this.#run(calls, input),
      finish: async () => await this.#allIsWell(calls[0] as () => Promise<unknown>),
      close: async () => await mesh.close(),
    };
  }

  async #run(
    calls: readonly (() => Promise<unknown>)[],
    [kind, subject, headers = EMPTY, payload = EMPTY]: Input,
  ): Promise<string> {
    const choice = kind?.[0] ?? 0;
    const stray = textOf(subject);
    const head = headers.subarray(0, MAX_PAYLOAD_BYTES);
    const body = payload.subarray(0, MAX_PAYLOAD_BYTES - head.length);
    let sent = 0;
    this.#answer = ({ reply }) => {
      sent++;
      must(sent < 50, "one call was sent fifty times");
      // Some are told twice, some nothing, some something on another subject.
      for (let time = 0; time < (choice >> 2) % 3; time++) this.#router.publish(reply, body, undefined, head);
      if (stray !== "") this.#router.publish(stray, body, undefined, head);
    };
    if (choice >= 128) this.#router.publish(routerSubject(ROUTER), encodeRouterState(ROUTER_STATE));
    const shape = await this.#outcome(calls[choice % calls.length] as () => Promise<unknown>);
    this.#nothingThrown();
    for (const message of this.#watched.takePublished()) checkPublishedHeaders(message.headers);
    if (++this.#count % CHECK_EVERY === 0) await this.#allIsWell(calls[0] as () => Promise<unknown>);
    return shape;
  }

  /** How a call ends, once it must have. */
  async #outcome(call: () => Promise<unknown>): Promise<string> {
    let ended = "";
    void call().then(
      (value) => {
        ended += `ok ${typeof value} ${Math.min(JSON.stringify(value)?.length ?? 0, 32)}`;
      },
      (error: unknown) => {
        ended +=
          error instanceof MeshError
            ? `no ${error.status} ${error.reason} ${error.attempts}`
            : `threw ${String(error)}`;
      },
    );
    await this.#server.settle();
    this.#runtime.clock.advance(STEP_MS);
    for (let waitedMs = 0; ended === "" && waitedMs < LONG_MS; waitedMs += 500) {
      this.#runtime.clock.advance(500);
      await this.#server.settle();
    }
    must(ended !== "", "a call did not end");
    must(!ended.startsWith("threw"), ended);
    return ended;
  }

  #nothingThrown(): void {
    const thrown = [...this.#thrown.splice(0), ...this.#runtime.timerErrors.splice(0)];
    if (thrown.length > 0) throw thrown[0];
  }

  async #allIsWell(call: () => Promise<unknown>): Promise<void> {
    const headers = encodeHeaderBlock([header.contentType, "application/json"]);
    this.#answer = ({ reply }) => this.#router.publish(reply, bytesOf('{"fine":true}'), undefined, headers);
    const ended = await this.#outcome(call);
    must(ended.startsWith("ok object"), `a good call ended as ${ended}`);
    this.#watched.takePublished();
  }
}

const ROUTER_STATE = {
  protocol: 1,
  version: "1",
  load: { inFlight: 0, queued: 0, loopLagMs: 0 },
  maxInFlight: 9,
  draining: false,
  policyRevision: 0,
  sentAtMs: 1_893_456_000_000,
  capabilities: [],
};

const REPLIES: readonly (readonly [readonly string[], string])[] = [
  [[header.contentType, "application/json"], '{"a":1}'],
  [[header.contentType, "application/protobuf"], "\n\u0002o1"],
  [[], "plain"],
  [
    [
      header.status,
      "NOT_FOUND",
      header.reason,
      "application",
      header.origin,
      "instance",
      header.attempts,
      "1",
      header.serviceError,
      "no",
    ],
    "",
  ],
  [[header.status, "UNAVAILABLE", header.reason, "not-started", header.origin, "router", header.attempts, "0"], ""],
  [
    [header.status, "RESOURCE_EXHAUSTED", header.reason, "overloaded", header.origin, "router", header.retryAfter, "5"],
    "",
  ],
  [[header.serviceError, "no such", header.serviceErrorCode, "404"], "body"],
];

export const caller: FuzzTarget = {
  name: "caller",
  seeds: [
    ...REPLIES.flatMap(([fields, payload]) =>
      [4, 5, 6, 9, 132].map((kind): Input => [Uint8Array.of(kind), EMPTY, encodeHeaderBlock(fields), bytesOf(payload)]),
    ),
    [Uint8Array.of(4), EMPTY, bytesOf("NATS/1.0 503\r\n\r\n"), EMPTY],
    [Uint8Array.of(4), bytesOf("_INBOX.cart.conn.stray"), EMPTY, bytesOf("{}")],
    [Uint8Array.of(132), bytesOf(routerSubject(ROUTER)), EMPTY, encodeRouterState(ROUTER_STATE)],
  ],
  words: [
    "\r\n",
    "NATS/1.0 503\r\n",
    "Malla-Reason: gone\r\n",
    "Malla-Origin: router\r\n",
    "Malla-Attempts: 0\r\n",
    "application/json",
    "{",
    "null",
    "\\ud800",
    "_INBOX.cart.conn.",
  ],
  maxBytes: MAX_PAYLOAD_BYTES,
  shortInputs: 3_000,
  open: () => new CallerWorld().open(),
};
