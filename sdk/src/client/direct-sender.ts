// Attempts on their way to instances past the routers, on `mesh.direct`, and their replies in the service's own inbox, where the
// broker proves which service answered.
import type { Broker } from "../broker/broker.ts";
import { attemptFields } from "../call/attempt-fields.ts";
import { AttemptReplies, type AttemptSubjects } from "../call/attempt-replies.ts";
import type { Attempt, AttemptSender, AttemptTable } from "../call/dispatch/attempt.ts";
import type { Runtime } from "../call/runtime.ts";
import { directSubject, encodeHeaderBlock, MeshError, PROBE_METHOD } from "../contract/index.ts";
import type { Registry } from "../discovery/registry.ts";
import type { ServiceInboxes } from "./service-inboxes.ts";

export interface DirectSenderOptions {
  readonly broker: Broker;
  readonly runtime: Runtime;
  readonly principal: string;
  /** Where services answer. Enter one before a call to it is dispatched, and leave it when the call has ended. */
  readonly inboxes: ServiceInboxes;
  readonly registry: Registry;
  readonly attempts: AttemptTable;
}

export class DirectSender implements AttemptSender {
  readonly #options: DirectSenderOptions;
  readonly #subjects: AttemptSubjects;
  readonly replies: AttemptReplies;

  constructor(options: DirectSenderOptions) {
    const { principal, inboxes } = options;
    this.#options = options;
    this.#subjects = {
      attempt: ({ instance, exchange }) =>
        directSubject(instance.service, instance.id, principal, exchange.targetMethod),
      probe: (instance) => directSubject(instance.service, instance.id, principal, PROBE_METHOD),
      reply: (service, id) => inboxes.subject(service, id),
    };
    this.replies = new AttemptReplies({ ...options, subjects: this.#subjects });
  }

  send(attempt: Attempt): void {
    const { broker, runtime } = this.#options;
    const { exchange, instance } = attempt;
    // By the instance's own clock, since it does not know ours: what was held up on its way is known for it there.
    const sentAtMs = runtime.clock.stampMs() + (instance.clockOffset?.ms ?? 0);
    const headers = encodeHeaderBlock(attemptFields(attempt, runtime, sentAtMs));
    const bytes = headers.length + exchange.payload.length;
    if (bytes > broker.maxPayloadBytes) {
      const message = `the request has ${bytes} bytes with its headers; the broker carries ${broker.maxPayloadBytes}`;
      throw MeshError.of("too-large", message);
    }
    const reply = this.#subjects.reply(instance.service, attempt.id);
    broker.publish(this.#subjects.attempt(attempt), exchange.payload, reply, headers);
  }

  cancel(attempt: Attempt): void {
    this.replies.cancel(attempt);
  }
}
