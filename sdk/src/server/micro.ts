// Answers of the NATS micro protocol (ADR-32): PING, INFO and STATS by the published JSON schemas, so that `nats micro`
// and any other client list this instance like every NATS service.
import { Buffer } from "node:buffer";
import type { Broker, BrokerMessage, BrokerSubscription } from "../broker/broker.ts";
import { isPlainSubject, type MicroVerb, parseReplySubject, serviceSubjects } from "../contract/index.ts";
import type { Refusals } from "../telemetry/refusals.ts";
import type { EndpointStats } from "./endpoint-stats.ts";

const NS_PER_MS = 1_000_000;
/** A move takes a few seconds. Who asks so often meanwhile may hear an answer twice. */
const MAX_ANSWERED = 1_000;

export interface MicroEndpoint {
  readonly name: string;
  readonly subject: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly stats: EndpointStats;
}

export interface MicroFacts {
  readonly name: string;
  readonly id: string;
  readonly version: string;
  readonly description: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly endpoints: readonly MicroEndpoint[];
  /** ISO instant. */
  readonly startedAt: string;
}

/** Subscribes the nine exact subjects of an instance and answers on them. */
export class MicroResponder {
  readonly #broker: Broker;
  readonly #refusals: Refusals;
  readonly #facts: () => MicroFacts;
  #subscriptions: BrokerSubscription[] = [];
  /** Questions answered while this connection moves and hears everything twice, by where their answers go. */
  readonly #answered = new Set<string>();

  constructor(broker: Broker, refusals: Refusals, facts: () => MicroFacts) {
    this.#broker = broker;
    this.#refusals = refusals;
    this.#facts = facts;
  }

  start(): void {
    const { name, id } = this.#facts();
    for (const verb of ["PING", "INFO", "STATS"] as const) {
      for (const subject of serviceSubjects(verb, name, id)) {
        this.#subscriptions.push(this.#broker.subscribe(subject, (message) => this.#answer(verb, message)));
      }
    }
  }

  stop(): void {
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    this.#subscriptions = [];
  }

  #answer(verb: MicroVerb, message: BrokerMessage): void {
    const facts = this.#facts();
    // A reply subject is input: an answer goes only where answers of this kind belong.
    const mayAnswer =
      (message.reply.startsWith("_INBOX.srv.") && isPlainSubject(message.reply)) ||
      parseReplySubject(message.reply)?.service === facts.name;
    if (!mayAnswer) {
      // The subject of a question proves nobody. Without a reply there is nothing to refuse.
      if (message.reply !== "")
        this.#refusals.refused({
          stage: "micro-reply",
          reason: "bad-request",
          principal: "",
          problem: `an answer to ${verb} would go where such answers do not belong`,
          subject: message.reply,
        });
      return;
    }
    if (!this.#broker.connected || this.#heardBefore(message)) return;
    this.#broker.publish(message.reply, Buffer.from(JSON.stringify(microAnswer(verb, facts))));
  }

  #heardBefore({ subject, reply }: BrokerMessage): boolean {
    if (!this.#broker.hearsTwice) {
      this.#answered.clear();
      return false;
    }
    // One inbox may be asked with for several subjects.
    const question = `${subject} ${reply}`;
    const heard = this.#answered.has(question);
    if (this.#answered.size < MAX_ANSWERED) this.#answered.add(question);
    return heard;
  }
}

/** The body of an answer. Times are whole nanoseconds. */
export function microAnswer(verb: MicroVerb, facts: MicroFacts): object {
  const { name, id, version, metadata } = facts;
  const head = { name, id, version, metadata };
  switch (verb) {
    case "PING":
      return { type: "io.nats.micro.v1.ping_response", ...head };
    case "INFO":
      return {
        type: "io.nats.micro.v1.info_response",
        ...head,
        description: facts.description,
        endpoints: facts.endpoints.map(({ name: endpoint, subject, metadata: about }) => ({
          name: endpoint,
          subject,
          queue_group: facts.id,
          metadata: about,
        })),
      };
    case "STATS":
      return {
        type: "io.nats.micro.v1.stats_response",
        ...head,
        started: facts.startedAt,
        endpoints: facts.endpoints.map(({ name: endpoint, subject, stats }) => ({
          name: endpoint,
          subject,
          queue_group: facts.id,
          num_requests: stats.requests,
          num_errors: stats.errors,
          last_error: stats.lastError,
          processing_time: Math.round(stats.processingMs * NS_PER_MS),
          average_processing_time:
            stats.requests === 0 ? 0 : Math.round((stats.processingMs / stats.requests) * NS_PER_MS),
        })),
      };
  }
}
