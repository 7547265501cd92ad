// What comes to an instance, on `mesh.run` from routers and on `mesh.direct` from callers themselves: whose it is and where its
// answer goes is checked before anything else. Probes and cancels are done at once, calls wait for their turn after the read chunk.
import type { Broker, BrokerMessage } from "../broker/broker.ts";
import type { Runtime } from "../call/runtime.ts";
import { MAX_PROBED_IDS } from "../call/waiting-table.ts";
import {
  type AttemptTarget,
  encodeProbeAnswer,
  header,
  isIdToken,
  PROBE_METHOD,
  parseAttemptSubject,
  parseReplySubject,
  parseServiceInbox,
  provenPrincipal,
} from "../contract/index.ts";
import type { RefusalStage } from "../telemetry/refusal-stages.ts";
import { ArrivedQueue } from "./arrived-queue.ts";
import { controlHeader } from "./control-header.ts";
import type { RunningCalls } from "./running-calls.ts";

/** A request that was read and waits for its turn after the read chunk. */
export interface Arrived {
  readonly message: BrokerMessage;
  readonly target: AttemptTarget;
  /** What it is known by here: its id, and of a direct call its caller too, so that nobody can name another's. */
  readonly id: string;
  /** The router that sent it; undefined if its caller did. */
  readonly router: string | undefined;
  /** Time it is known to have waited in this process's buffers, in ms. */
  readonly lostMs: number;
}

export interface IntakeOptions {
  readonly broker: Broker;
  readonly runtime: Runtime;
  readonly service: string;
  readonly calls: RunningCalls;
  /** A call whose turn it is. */
  readonly onTurn: (arrived: Arrived) => void;
  /** One too many has arrived: it is refused. */
  readonly onTooMany: (message: BrokerMessage) => void;
  /** Somebody asks who does not wait for anything: he may not have heard of this instance. */
  readonly onGreeting: () => void;
}

/** Who sent a message, as far as its subject and reply prove it. */
interface Sender {
  /** In front of every id of a direct caller. */
  readonly owner: string;
  readonly router: string | undefined;
  /** Last token of the reply subject; empty for a message without one. */
  readonly replyId: string;
}

export class Intake {
  readonly #options: IntakeOptions;
  readonly #arrived: ArrivedQueue<Arrived>;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#arrived = new ArrivedQueue<Arrived>(options.onTurn, (error) =>
      options.runtime.telemetry.log.error({ err: error }, "a call could not be received"),
    );
  }

  /** Calls that wait for their turn. */
  get size(): number {
    return this.#arrived.size;
  }

  /** A message on a subject of this instance, of one kind or the other. */
  take(message: BrokerMessage, kind: AttemptTarget["kind"]): void {
    const target = parseAttemptSubject(message.subject);
    if (target === undefined || target.kind !== kind) {
      this.refused("attempt-subject", message.subject, "an attempt whose subject is malformed");
      return;
    }
    const sender = this.#senderOf(target, message.reply);
    const isProbe = target.method === PROBE_METHOD;
    if (sender === undefined || (isProbe && sender.replyId === "")) {
      const what = isProbe ? "a probe" : "an attempt";
      const whom = kind === "run" ? "a router" : "its caller's inbox for this service";
      this.refused("attempt-reply", message.subject, `${what} whose answer would not go to ${whom}`);
      return;
    }
    if (isProbe) {
      this.#answerProbe(message, sender.owner);
      return;
    }
    if (sender.replyId === "" && this.#wasCancel(message, sender.owner)) return;
    this.#queue(message, target, sender);
  }

  /** Undefined if the answer would go to somebody else than who sent the message. */
  #senderOf({ kind, principal }: AttemptTarget, reply: string): Sender | undefined {
    const { service } = this.#options;
    const owner = kind === "run" ? "" : `${principal} `;
    if (reply === "") return { owner, router: undefined, replyId: "" };
    if (kind === "direct") {
      const replyId = parseServiceInbox(principal, service, reply);
      return replyId === undefined ? undefined : { owner, router: undefined, replyId };
    }
    const parsed = parseReplySubject(reply);
    return parsed?.service === service ? { owner, router: parsed.router, replyId: parsed.id } : undefined;
  }

  #queue(message: BrokerMessage, target: AttemptTarget, { owner, router, replyId }: Sender): void {
    const { broker, runtime, calls, onTooMany } = this.#options;
    const id = replyId === "" ? runtime.ids.next() : owner + replyId;
    const arrived: Arrived = { message, target, id, router, lostMs: runtime.stall.lostMs() };
    if (this.#arrived.add(arrived)) return;
    if (calls.mayStart(id, target.principal, broker.hearsTwice)) onTooMany(message);
  }

  #wasCancel(message: BrokerMessage, owner: string): boolean {
    const { value, problem } = controlHeader(message, header.cancel);
    if (problem !== "") this.refused("attempt-headers", message.subject, problem);
    else if (value === undefined) return false;
    else if (isIdToken(value)) this.#options.calls.cancel(owner + value);
    else this.refused("cancel", message.subject, `header ${header.cancel}: an id is expected`);
    return true;
  }

  #answerProbe(message: BrokerMessage, owner: string): void {
    const { broker, calls, onGreeting } = this.#options;
    const { value, problem } = controlHeader(message, header.probe);
    if (value === undefined) {
      this.refused("probe", message.subject, problem || `header ${header.probe}: ids are expected`);
      return;
    }
    if (owner !== "" && value === "") onGreeting();
    const waiting = this.#arrived.ids();
    // Once each: a list that names one id a thousand times must not bring its reply a thousand times.
    const ids = [...new Set(value.split(",", MAX_PROBED_IDS))].filter(isIdToken).map((id) => owner + id);
    const answer = calls.probe(ids.filter((id) => !waiting.has(id)));
    const running = [...answer.running, ...ids.filter((id) => waiting.has(id))];
    for (const id of answer.done) {
      const reply = calls.finished.find(id);
      if (reply !== undefined) broker.publish(reply.subject, reply.payload, undefined, reply.headers);
    }
    const told = (named: readonly string[]): string[] => named.map((id) => id.slice(owner.length));
    broker.publish(
      message.reply,
      encodeProbeAnswer({ running: told(running), done: told(answer.done), unseen: told(answer.unseen) }),
    );
  }

  /** What no honest router or caller sends: dropped, unanswered. */
  refused(stage: RefusalStage, subject: string, problem: string): void {
    const principal = provenPrincipal(subject);
    this.#options.runtime.refusals.refused({ stage, reason: "bad-request", principal, problem });
  }
}
