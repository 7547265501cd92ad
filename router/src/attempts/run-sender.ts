// Attempts on their way to instances over `mesh.run` (and `mesh.serve` for plain services), and their replies on
// `mesh.reply`, where the broker proves which service answered.
import type { Broker, BrokerMessage } from "@malla/sdk/broker";
import {
  type Attempt,
  type AttemptSender,
  type AttemptTable,
  addStream,
  type Exchange,
  ProbeTable,
  type Runtime,
  SILENT_AFTER_MS,
  takesFrames,
} from "@malla/sdk/call";
import {
  decodeProbeAnswer,
  EMPTY_BLOCK,
  encodeHeaderBlock,
  formatTimeoutMs,
  type HeaderBlock,
  header,
  headerValue,
  MeshError,
  type Notice,
  PROBE_METHOD,
  parseHeaderBlock,
  parseLoad,
  parseReplySubject,
  provenPrincipal,
  replySubject,
  runSubject,
  serveSubject,
} from "@malla/sdk/contract";
import type { Instance, Registry } from "@malla/sdk/discovery";
import { formatTraceparent } from "@malla/sdk/telemetry";

const EMPTY = new Uint8Array(0);
const NO_RESPONDERS = 503;

export interface RunSenderOptions {
  readonly broker: Broker;
  readonly runtime: Runtime;
  readonly router: string;
  readonly registry: Registry;
}

export class RunSender implements AttemptSender {
  readonly #options: RunSenderOptions;
  readonly #probes = new ProbeTable<Instance>();

  constructor(options: RunSenderOptions) {
    this.#options = options;
  }

  send(attempt: Attempt): void {
    const { broker, router } = this.#options;
    const { exchange, instance } = attempt;
    if (exchange.framedBytes !== undefined && !takesFrames(exchange, instance)) {
      this.#notify(exchange, "whole");
      throw MeshError.of("too-large", `who serves ${exchange.targetService} now takes its requests whole`, {
        origin: "router",
      });
    }
    const headers = encodeHeaderBlock(this.#fields(attempt));
    const bytes = headers.length + exchange.payload.length;
    if (bytes > broker.maxPayloadBytes) {
      throw MeshError.of(
        "too-large",
        `the request has ${bytes} bytes with its headers; the broker carries ${broker.maxPayloadBytes}`,
        { origin: "router" },
      );
    }
    broker.publish(subjectOf(attempt), exchange.payload, replySubject(router, instance.service, attempt.id), headers);
  }

  #fields(attempt: Attempt): string[] {
    const { clock, ids } = this.#options.runtime;
    const { exchange, instance } = attempt;
    if (exchange.requestId === "") exchange.requestId = ids.next();
    const fields = [
      ...exchange.forwarded,
      header.timeout,
      formatTimeoutMs(exchange.deadlineAtMs - clock.nowMs()),
      header.sent,
      String(Math.round(clock.stampMs())),
      header.requestId,
      exchange.requestId,
      header.attempt,
      String(attempt.number),
    ];
    const trace = attempt.span?.context ?? exchange.span?.context ?? exchange.parent;
    if (trace !== undefined) {
      fields.push(header.traceparent, formatTraceparent(trace));
      if (trace.tracestate !== undefined) fields.push(header.tracestate, trace.tracestate);
    }
    if (exchange.key !== undefined) fields.push(header.key, exchange.key);
    if (exchange.priority !== "default") fields.push(header.priority, exchange.priority);
    if (exchange.idempotencyKey !== undefined) fields.push(header.idempotencyKey, exchange.idempotencyKey);
    // A plain service has no subject that would tell it who calls.
    if (instance.kind === "plain") fields.push(header.caller, exchange.principal);
    else addStream(fields, exchange);
    return fields;
  }

  cancel(attempt: Attempt): void {
    const { broker } = this.#options;
    // A plain service would run its handler for it.
    if (attempt.instance.kind === "plain" || !broker.connected) return;
    broker.publish(subjectOf(attempt), EMPTY, undefined, encodeHeaderBlock([header.cancel, attempt.id]));
  }

  /** Asks an instance what it knows of these attempts. */
  probe(instance: Instance, ids: readonly string[]): void {
    const { broker, runtime, router } = this.#options;
    if (!broker.connected) return;
    const id = runtime.ids.next();
    this.#probes.add({ id, peer: instance, ids, sentAtMs: runtime.clock.nowMs() });
    const subject = runSubject(instance.service, instance.id, router, PROBE_METHOD);
    broker.publish(
      subject,
      EMPTY,
      replySubject(router, instance.service, id),
      encodeHeaderBlock([header.probe, ids.join(",")]),
    );
  }

  /** Asks who is due, and acts on who has not answered. To be called every PROBE_TICK_MS. */
  tick(attempts: AttemptTable): void {
    const { broker, runtime, registry } = this.#options;
    if (!broker.connected) return;
    const now = runtime.clock.nowMs();
    attempts.probeOld(now, (instance, ids) => this.probe(instance, ids));
    for (const instance of registry.dueSuspects(now)) this.probe(instance, []);
    // Who stood still himself cannot tell who was silent.
    if (runtime.stall.stalledWithin(SILENT_AFTER_MS)) return;
    for (const { peer, ids } of this.#probes.silent(now)) {
      registry.silent(peer, now);
      if (registry.hasOthers(peer)) attempts.peerSilent(peer, ids);
    }
  }

  /** Tells a caller how its call stands, if it can make use of it. */
  notify(exchange: Exchange, notice: Notice): void {
    if (exchange.via) this.#notify(exchange, notice);
  }

  #notify({ reply }: Exchange, notice: Notice): void {
    const { broker } = this.#options;
    if (reply === "" || !broker.connected) return;
    broker.publish(reply, EMPTY, undefined, encodeHeaderBlock([header.notice, notice]));
  }

  /** Asks every instance what became of what it was sent: the connection was lost and is back. */
  askAll(attempts: AttemptTable): void {
    attempts.probeAll(this.#options.runtime.clock.nowMs(), (instance, ids) => this.probe(instance, ids));
  }

  /** A message on `mesh.reply.<this router>.*.*`. */
  onReply(message: BrokerMessage, attempts: AttemptTable): void {
    const subject = parseReplySubject(message.subject);
    if (subject === undefined) {
      this.#refuse(message.subject, "a reply whose subject names no attempt");
      return;
    }
    const attempt = attempts.get(subject.id);
    if (attempt === undefined) {
      this.#onProbeReply(subject, message, attempts);
      return;
    }
    // Another service cannot know the id; that it answered shows a fault worth counting.
    if (attempt.instance.service !== subject.service) {
      this.#refuse(message.subject, "a reply to an attempt of another service");
      return;
    }
    attempts.remove(attempt);
    const headers = this.#readReply(attempt, message);
    if (typeof headers === "string") {
      this.#refuse(message.subject, `a reply that cannot be believed: ${headers}`);
      attempt.owner.attemptFailed(
        attempt,
        MeshError.of("internal", `the instance's reply cannot be believed: ${headers}`, { origin: "router" }),
      );
      return;
    }
    const load = headerValue(headers, header.load);
    const reported = load === undefined ? undefined : parseLoad(load);
    if (reported !== undefined) attempt.instance.load.reported(reported, this.#options.runtime.clock.nowMs());
    attempt.owner.attemptReplied(attempt, { headers, payload: message.payload });
  }

  /** The header block of a reply, or why it is not believed. Whatever that is, it may have run. */
  #readReply(attempt: Attempt, { headers: bytes, payload }: BrokerMessage): HeaderBlock | string {
    if (bytes.length === 0) return EMPTY_BLOCK;
    const headers = parseHeaderBlock(bytes);
    if (typeof headers === "string" || headers.status === 0) return headers;
    if (headers.status !== NO_RESPONDERS || payload.length > 0) return `a status line of its own, ${headers.status}`;
    // The broker says of which subject it speaks; a service that passes on the 503 of a call of its own says another.
    const unheard = headerValue(headers, header.unheardSubject);
    const isBrokers = unheard === undefined ? !this.#options.broker.namesUnheard : unheard === subjectOf(attempt);
    return isBrokers ? headers : "a 503 that is not the broker's word on this attempt";
  }

  #onProbeReply(
    subject: { id: string; service: string },
    { headers: bytes, payload }: BrokerMessage,
    attempts: AttemptTable,
  ): void {
    const probe = this.#probes.take(subject.id);
    const { runtime, registry, router } = this.#options;
    // Neither an attempt nor a probe: a reply that came after its time.
    if (probe === undefined) return;
    const from = replySubject(router, subject.service, subject.id);
    if (probe.peer.service !== subject.service) {
      this.#refuse(from, "an answer to a probe of another service");
      return;
    }
    const headers = parseHeaderBlock(bytes);
    const now = runtime.clock.nowMs();
    if (typeof headers !== "string" && headers.status === NO_RESPONDERS) {
      registry.suspect(probe.peer, now);
      attempts.probeUnheard(probe.peer, probe.ids, now);
      return;
    }
    registry.trust(probe.peer);
    const answer = typeof headers === "string" ? undefined : decodeProbeAnswer(payload);
    if (answer === undefined) this.#refuse(from, "an answer to a probe that cannot be read");
    else attempts.probeAnswered(probe.peer, answer);
  }

  /** Who holds an id could answer for it, so no line shows one. */
  #refuse(subject: string, problem: string): void {
    const principal = provenPrincipal(subject);
    this.#options.runtime.refusals.refused({ stage: "reply", reason: "bad-request", principal, problem });
  }
}

function subjectOf({ exchange, instance }: Attempt): string {
  return instance.kind === "plain"
    ? serveSubject(instance.service, exchange.targetMethod)
    : runSubject(instance.service, instance.id, exchange.principal, exchange.targetMethod);
}
