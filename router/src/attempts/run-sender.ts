// Attempts on their way to instances over `mesh.run` (and `mesh.serve` for plain services), and their replies on
// `mesh.reply`, where the broker proves which service answered.
import type { Broker, BrokerMessage } from "@malla/sdk/broker";
import {
  type Attempt,
  AttemptReplies,
  type AttemptSender,
  type AttemptTable,
  addStream,
  attemptFields,
  type Exchange,
  type Runtime,
  takesFrames,
} from "@malla/sdk/call";
import {
  encodeHeaderBlock,
  header,
  MeshError,
  type Notice,
  PROBE_METHOD,
  parseReplySubject,
  provenPrincipal,
  replySubject,
  runSubject,
  serveSubject,
} from "@malla/sdk/contract";
import type { Registry } from "@malla/sdk/discovery";

const EMPTY = new Uint8Array(0);

export interface RunSenderOptions {
  readonly broker: Broker;
  readonly runtime: Runtime;
  readonly router: string;
  readonly registry: Registry;
  readonly attempts: AttemptTable;
}

export class RunSender implements AttemptSender {
  readonly #options: RunSenderOptions;
  readonly #replies: AttemptReplies;

  constructor(options: RunSenderOptions) {
    const { router } = options;
    this.#options = options;
    this.#replies = new AttemptReplies({
      ...options,
      subjects: {
        attempt: subjectOf,
        probe: (instance) => runSubject(instance.service, instance.id, router, PROBE_METHOD),
        reply: (service, id) => replySubject(router, service, id),
      },
    });
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
    const { runtime } = this.#options;
    const { exchange, instance } = attempt;
    const fields = attemptFields(attempt, runtime, runtime.clock.stampMs());
    if (exchange.idempotencyKey !== undefined) fields.push(header.idempotencyKey, exchange.idempotencyKey);
    // A plain service has no subject that would tell it who calls.
    if (instance.kind === "plain") fields.push(header.caller, exchange.principal);
    else addStream(fields, exchange);
    return fields;
  }

  cancel(attempt: Attempt): void {
    this.#replies.cancel(attempt);
  }

  /** To be called every PROBE_TICK_MS. */
  tick(): void {
    this.#replies.tick();
  }

  /** The connection was lost and is back. */
  askAll(): void {
    this.#replies.askAll();
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

  /** Whether a reply of this id answers an attempt or a probe. */
  awaits(id: string): boolean {
    return this.#replies.awaits(id);
  }

  /** A message on `mesh.reply.<this router>.*.*`. */
  onReply(message: BrokerMessage): void {
    const subject = parseReplySubject(message.subject);
    if (subject === undefined)
      this.#replies.refuse(provenPrincipal(message.subject), "a reply whose subject names no attempt");
    else this.#replies.take(subject.service, subject.id, message);
  }
}

function subjectOf({ exchange, instance }: Attempt): string {
  return instance.kind === "plain"
    ? serveSubject(instance.service, exchange.targetMethod)
    : runSubject(instance.service, instance.id, exchange.principal, exchange.targetMethod);
}
