// An instance in memory, as `connect` and `serve` make it: anything on the subjects it hears. Nothing is thrown out of a
// callback, an attempt is answered once at most and where its answer belongs, and afterwards a good call still runs.
import type { BrokerMessage } from "@malla/sdk/broker";
import {
  decodeProbeAnswer,
  directSubject,
  encodeHeaderBlock,
  encodePolicyPush,
  encodeRouterState,
  framesSubject,
  header,
  isPlainSubject,
  POLICY_LIVE_SUBJECT,
  PROBE_METHOD,
  parseAttemptSubject,
  parseReplySubject,
  replySubject,
  routerSubject,
  runSubject,
  serviceInboxSubject,
  serviceSubjects,
} from "@malla/sdk/contract";
import { signHead } from "@malla/sdk/discovery";
import { loadContract } from "@malla/sdk/protobuf";
import { createTestRuntime, joinInMemory, MemoryServer } from "@malla/sdk/testing";
import { createUser } from "@nats-io/nkeys";
import { checkoutPath } from "../shipped-policies.ts";
import { bytesOf, type FuzzTarget, type Input, must, type RunningTarget, textOf } from "../target.ts";
import { checkPublishedHeaders, WatchedBroker } from "../watched-broker.ts";

const SERVICE = "orders";
const ROUTER = "router-a";
const MAX_PAYLOAD_BYTES = 128 * 1024;
const EMPTY = new Uint8Array(0);
const CHECK_EVERY = 10_000;
const LONG_MS = 301_000;
const STEP_MS = 7;
/** More than a reply in one message. */
const LARGE_BYTES = 40_000;
const STREAM = "conn-0123456789abcdef";
/** Where credits, offers and frames for a caller go. */
const STREAM_INBOX = /^_INBOX\.[a-z0-9-]+\.(orders|payments)\.[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{16}$/;

/** What goes to a stream's inbox is of that stream, unless it is the inbox this very direct call is to be answered to. */
function isOfStream(subject: string, asked: { readonly subject: string; readonly reply: string }): boolean {
  return (
    STREAM_INBOX.test(subject) && !(subject === asked.reply && parseAttemptSubject(asked.subject)?.kind === "direct")
  );
}
/** How an attempt's id ends; its number follows. */
const CALL_ID = "c1";
/** In headers: the id of the input before. */
const LAST = "LAST";

const key = createUser();
const contract = await loadContract(checkoutPath("services/shop/protos/payments.proto"), { name: "payments" });

const KINDS = [
  "mesh.run.orders.i1.",
  "mesh.run.payments.i1.",
  "mesh.frames.orders.i1.",
  "mesh.direct.orders.i1.",
  "$SRV.PING",
  "$SRV.INFO",
  "$SRV.STATS",
  "mesh.router.",
  "mesh.policy.",
];

const handlers = {
  Echo: (request: unknown): unknown => request,
  Bytes: (request: unknown): Uint8Array => bytesOf(JSON.stringify(request) ?? ""),
  Later: async (request: unknown): Promise<unknown> => await Promise.resolve(request),
  Throws: (request: unknown): never => {
    throw request;
  },
  Large: (): Uint8Array => new Uint8Array(LARGE_BYTES),
  Never: (): Promise<never> => new Promise(() => undefined),
};

class InstanceWorld {
  readonly #server = new MemoryServer({ maxPayloadBytes: MAX_PAYLOAD_BYTES });
  readonly #runtime = createTestRuntime();
  readonly #thrown: unknown[] = [];
  readonly #watched = new WatchedBroker(
    this.#server.connect({ onCallbackError: (error) => void this.#thrown.push(error) }),
  );
  readonly #router = this.#server.connect();
  readonly #heard: BrokerMessage[] = [];
  /** Inboxes of callers for this service, from which they asked past the routers. */
  readonly #asked = new Set<string>();
  #close: () => Promise<void> = async () => undefined;
  #count = 0;
  #checks = 0;

  async open(): Promise<RunningTarget> {
    const mesh = await joinInMemory(this.#watched, this.#runtime, {
      service: SERVICE,
      policyPublicKey: key.getPublicKey(),
      maxInFlight: 50,
    });
    await mesh.serve(handlers);
    const typed = await joinInMemory(this.#watched, this.#runtime, { service: contract.name, connection: "conn2" });
    const answer = (): object => ({});
    await typed.serve(contract, Object.fromEntries([...contract.methods.keys()].map((name) => [name, answer])));
    this.#router.subscribe("mesh.reply.*.*.*", (message) => void this.#heard.push(message));
    this.#close = async () => {
      await mesh.close();
      await typed.close();
    };
    this.#watched.takePublished();
    return { run: (input) => this.#run(input), finish: () => this.#allIsWell(), close: () => this.#close() };
  }

  async #run([subject, reply, headers = EMPTY, payload = EMPTY]: Input): Promise<string> {
    const given = textOf(reply);
    const named = this.#named(headers).subarray(0, MAX_PAYLOAD_BYTES);
    const message: BrokerMessage = {
      subject: textOf(subject),
      reply: given.endsWith(CALL_ID) ? `${given}x${this.#count}` : given,
      headers: named,
      payload: payload.subarray(0, MAX_PAYLOAD_BYTES - named.length),
    };
    const target = parseAttemptSubject(message.subject);
    if (target?.kind === "direct" && message.reply.startsWith(`_INBOX.${target.principal}.${SERVICE}.`))
      this.#asked.add(message.reply);
    this.#router.publish(message.subject, message.payload, message.reply, message.headers);
    await this.#server.settle();
    this.#runtime.clock.advance(STEP_MS);
    const shape = this.#judge(message);
    this.#count++;
    if (this.#count % CHECK_EVERY === 0) await this.#allIsWell();
    return shape;
  }

  /** Headers that ask for an attempt just made: `LAST` becomes its id. */
  #named(headers: Uint8Array): Uint8Array {
    const text = Buffer.from(headers).toString("latin1");
    return text.includes(LAST)
      ? Buffer.from(text.replaceAll(LAST, `${CALL_ID}x${this.#count - 1}`), "latin1")
      : headers;
  }

  #judge(message: BrokerMessage): string {
    this.#nothingThrown();
    this.#heard.length = 0;
    const published = this.#watched.takePublished();
    for (const { subject, headers } of published) {
      must(isPlainSubject(subject), `published to ${subject}`);
      if (isOfStream(subject, message)) continue;
      const service = parseReplySubject(subject)?.service;
      const isAnswer = service === SERVICE || service === contract.name || subject.startsWith("_INBOX.srv.");
      if (subject.startsWith("_INBOX.") && !isAnswer) {
        this.#mustHaveAsked(subject);
        continue;
      }
      // Beside answers: announcements, and the question for the policy, which goes to a router that announced itself.
      must(isAnswer || /^mesh\.(instance|via|call|cancel)\./.test(subject), `published to ${subject}`);
      checkPublishedHeaders(headers);
    }
    const own = published.filter(({ subject }) => subject === message.reply);
    // Everybody who serves answers a question that goes to all.
    const mayAnswer = message.subject.startsWith("$SRV.") ? 2 : 1;
    const answers = published
      .map(({ subject }) => subject)
      .filter((subject) => !/^mesh\.(instance|call|via)\./.test(subject) && !isOfStream(subject, message));
    const again = answers.length - new Set(answers).size;
    must(again < mayAnswer, `${again} of ${answers.length} answers went where another had gone`);
    if (message.reply.endsWith(`x${this.#count}`)) must(own.length <= mayAnswer, `answered ${own.length} times`);
    const reason = own[0] === undefined ? "-" : textOf(own[0].headers).match(/Malla-Reason: (\S+)/)?.[1];
    const kind = KINDS.findIndex((prefix) => message.subject.startsWith(prefix));
    return `${own.length > 0 && reason === undefined ? "ok" : "no"} ${reason} ${own.length} ${published.length} ${kind} ${Math.min(own[0]?.payload.length ?? 0, 24)}`;
  }

  /** A direct call is answered by this service, to who asked, now or earlier, and to nobody else. */
  #mustHaveAsked(answered: string): void {
    must(this.#asked.has(answered) && answered.split(".").length === 5, `${answered} was answered: whose is it?`);
  }

  #nothingThrown(): void {
    const thrown = [...this.#thrown.splice(0), ...this.#runtime.timerErrors.splice(0)];
    if (thrown.length > 0) throw thrown[0];
  }

  /** What runs ends at its deadline; then a good call runs. */
  async #allIsWell(): Promise<void> {
    const id = `good${this.#checks++}`;
    this.#runtime.clock.advance(LONG_MS);
    await this.#server.settle();
    this.#nothingThrown();
    this.#heard.length = 0;
    const ask = async (
      subject: string,
      asked: string,
      headers: Uint8Array,
      payload: string,
    ): Promise<BrokerMessage> => {
      const reply = replySubject(ROUTER, SERVICE, asked);
      this.#router.publish(subject, bytesOf(payload), reply, headers);
      await this.#server.settle();
      const answer = this.#heard.find((message) => message.subject === reply);
      must(answer !== undefined, `${asked} was not answered`);
      return answer;
    };
    const good = await ask(
      runSubject(SERVICE, "i1", "cart", "Echo"),
      id,
      encodeHeaderBlock([header.timeout, "500"]),
      '{"a":1}',
    );
    must(textOf(good.payload) === '{"a":1}', () => `a good call failed: ${textOf(good.headers)}`);
    const probe = encodeHeaderBlock([header.probe, `${id},never`]);
    const probed = decodeProbeAnswer(
      (await ask(runSubject(SERVICE, "i1", ROUTER, PROBE_METHOD), `probe${id}`, probe, "")).payload,
    );
    must(probed?.done.length === 1 && probed.unseen.length === 1, "a probe is answered wrongly");
    this.#watched.takePublished();
    this.#heard.length = 0;
  }
}

const JSON_FIELDS = encodeHeaderBlock([header.contentType, "application/json", header.timeout, "500"]);
const HEAD = signHead(
  { revision: 1, applyId: "a", author: "o", createdAt: "", action: "apply", documents: [] },
  key.getSeed(),
);
const ROUTER_STATE = encodeRouterState({
  protocol: 1,
  version: "1",
  load: { inFlight: 0, queued: 0, loopLagMs: 0 },
  maxInFlight: 9,
  draining: false,
  policyRevision: 1,
  // No stamp, so no estimate of the clock: one that stands still would make every call late.
  sentAtMs: 0,
  capabilities: [],
});

function attempt(method: string, headers: Uint8Array, payload: string | Uint8Array, service = SERVICE): Input {
  const body = typeof payload === "string" ? bytesOf(payload) : payload;
  return [
    bytesOf(runSubject(service, "i1", "cart", method)),
    bytesOf(replySubject(ROUTER, service, CALL_ID)),
    headers,
    body,
  ];
}

const STREAM_MESSAGES: readonly (readonly [readonly string[], number])[] = [
  [[header.seq, "1 0"], 16 * 1024],
  [[header.seq, "1 1"], 16 * 1024],
  [[header.seq, "1 2", header.end, "1"], LARGE_BYTES - 32 * 1024],
  [[header.credit, "1 0 16"], 0],
  [[header.credit, "1 3 3"], 0],
  [[header.credit, "1 0 16 again"], 0],
  [[header.cancel, "1"], 0],
];
function directly(method: string, headers: Uint8Array, payload: string): Input {
  return [
    bytesOf(directSubject(SERVICE, "i1", "cart", method)),
    bytesOf(serviceInboxSubject("cart", SERVICE, "conn", CALL_ID)),
    headers,
    bytesOf(payload),
  ];
}

const WORDS = [
  ".",
  "*",
  ">",
  "\r\n",
  "mesh.run.orders.i1.cart.",
  "mesh.direct.orders.i1.cart.",
  "_INBOX.cart.orders.conn.",
  "Malla-Timeout: 0\r\n",
  "Malla-Cancel: c1\r\n",
  "Malla-Probe: c1,LAST,LAST\r\n",
  "LAST,",
  "Malla-Sent: 0\r\n",
  "Malla-Attempt: 9\r\n",
  `Malla-Stream: ${STREAM}\r\n`,
  "Malla-Bytes: 40000\r\n",
  "Malla-Seq: 1 0\r\n",
  "Malla-End: 1\r\n",
  "Malla-Credit: 1 0 16\r\n",
  "Malla-Credit: 1 3 3\r\n",
  "application/json",
  "application/protobuf",
  "Never",
  "Throws",
  "\ud83d",
  "null",
  "{",
  '"__proto__"',
];

export const instance: FuzzTarget = {
  name: "instance",
  seeds: [
    ...Object.keys(handlers).map((method) => attempt(method, JSON_FIELDS, '{"a":[1,"b",null]}')),
    attempt("Echo", EMPTY, "plain"),
    attempt("Nothing", EMPTY, ""),
    attempt("Echo", encodeHeaderBlock([header.stream, STREAM, header.bytes, "40000", header.timeout, "50"]), ""),
    attempt("Large", encodeHeaderBlock([header.stream, STREAM, header.timeout, "50"]), ""),
    ...STREAM_MESSAGES.map(
      ([fields, size]): Input => [
        bytesOf(framesSubject(SERVICE, "i1", "cart", STREAM)),
        bytesOf("_INBOX.cart.orders.conn.0123456789abcdef"),
        encodeHeaderBlock(fields),
        new Uint8Array(size),
      ],
    ),
    ...[...contract.methods.keys()].map((method) => attempt(method, EMPTY, "{}", contract.name)),
    ...[...contract.methods.keys()].map((method) =>
      attempt(method, EMPTY, Uint8Array.of(10, 2, 111, 49), contract.name),
    ),
    attempt(PROBE_METHOD, encodeHeaderBlock([header.probe, "c1,c2,LAST,c1x0"]), ""),
    attempt(PROBE_METHOD, encodeHeaderBlock([header.probe, "LAST,LAST,LAST"]), ""),
    ...Object.keys(handlers).map((method) => directly(method, JSON_FIELDS, '{"a":1}')),
    directly(PROBE_METHOD, encodeHeaderBlock([header.probe, "c1,LAST"]), ""),
    directly(PROBE_METHOD, encodeHeaderBlock([header.probe, ""]), ""),
    [bytesOf(directSubject(SERVICE, "i1", "cart", "Never")), EMPTY, encodeHeaderBlock([header.cancel, LAST]), EMPTY],
    [bytesOf(runSubject(SERVICE, "i1", "cart", "Never")), EMPTY, encodeHeaderBlock([header.cancel, LAST]), EMPTY],
    [bytesOf(routerSubject(ROUTER)), EMPTY, EMPTY, ROUTER_STATE],
    [bytesOf(POLICY_LIVE_SUBJECT), EMPTY, EMPTY, encodePolicyPush({ head: HEAD, documents: [], complete: true })],
    [bytesOf(POLICY_LIVE_SUBJECT), EMPTY, EMPTY, encodePolicyPush({ head: EMPTY, documents: [], complete: true })],
  ],
  words: WORDS,
  maxBytes: MAX_PAYLOAD_BYTES,
  shortInputs: 6_000,
  open: () => new InstanceWorld().open(),
};

const QUESTIONS = (["PING", "INFO", "STATS"] as const).flatMap((verb) => serviceSubjects(verb, SERVICE, "i1"));

/** The same instance, asked by the protocol of NATS micro services. */
export const micro: FuzzTarget = {
  name: "micro-responder",
  seeds: QUESTIONS.flatMap((subject) =>
    ["_INBOX.srv.a.b", replySubject(ROUTER, SERVICE, CALL_ID), "mesh.call.orders.payments.Charge"].map(
      (reply): Input => [bytesOf(subject), bytesOf(reply), EMPTY, EMPTY],
    ),
  ),
  words: [...WORDS, "$SRV.", "PING", "INFO", "STATS", "_INBOX.srv.", "_INBOX.", "mesh.reply.", " ", "\t"],
  maxBytes: 4_096,
  shortInputs: 4_000,
  open: () => new InstanceWorld().open(),
};
