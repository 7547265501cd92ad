// What comes back of attempts, and the probes that ask what became of them (failure rules 1, 2 and 6). The same at a router, which
// hears instances on `mesh.reply`, and at a direct caller, which hears them in its inbox: in both the broker proves the service.
import type { Broker, BrokerMessage } from "../broker/broker.ts";
import {
  decodeProbeAnswer,
  EMPTY_BLOCK,
  encodeHeaderBlock,
  type HeaderBlock,
  header,
  headerValue,
  MeshError,
  parseHeaderBlock,
  parseLoad,
} from "../contract/index.ts";
import type { Instance, Registry } from "../discovery/registry.ts";
import type { Attempt, AttemptTable } from "./dispatch/attempt.ts";
import { ProbeTable, SILENT_AFTER_MS } from "./probe-table.ts";
import type { Runtime } from "./runtime.ts";

const EMPTY = new Uint8Array(0);
const NO_RESPONDERS = 503;

/** The subjects of one way to instances. */
export interface AttemptSubjects {
  /** Where an attempt goes, and its cancel. */
  attempt(attempt: Attempt): string;
  /** Where a probe of an instance goes. */
  probe(instance: Instance): string;
  /** Where a service answers what has this id. */
  reply(service: string, id: string): string;
}

export interface AttemptRepliesOptions {
  readonly broker: Broker;
  readonly runtime: Runtime;
  readonly registry: Registry;
  readonly attempts: AttemptTable;
  readonly subjects: AttemptSubjects;
}

export class AttemptReplies {
  readonly #options: AttemptRepliesOptions;
  readonly #probes = new ProbeTable<Instance>();

  constructor(options: AttemptRepliesOptions) {
    this.#options = options;
  }

  /** Tells the instance that nobody waits any more. */
  cancel(attempt: Attempt): void {
    const { broker, subjects } = this.#options;
    // A plain service would run its handler for it.
    if (attempt.instance.kind === "plain" || !broker.connected) return;
    broker.publish(subjects.attempt(attempt), EMPTY, undefined, encodeHeaderBlock([header.cancel, attempt.id]));
  }

  /** Asks who is due, and acts on who has not answered. To be called every PROBE_TICK_MS. */
  tick(): void {
    const { broker, runtime, registry, attempts } = this.#options;
    if (!broker.connected) return;
    const now = runtime.clock.nowMs();
    attempts.probeOld(now, (instance, ids) => this.#probe(instance, ids));
    for (const instance of registry.dueSuspects(now)) this.#probe(instance, []);
    // Who stood still himself cannot tell who was silent.
    if (runtime.stall.stalledWithin(SILENT_AFTER_MS)) return;
    const asked = new Set<string>();
    for (const { peer, ids, sentAtMs } of this.#probes.silent(now)) {
      registry.silent(peer, now);
      if (registry.hasOthersHeard(peer, sentAtMs)) attempts.peerSilent(peer, ids);
      else if (!asked.has(peer.service)) {
        asked.add(peer.service);
        this.#askOthers(peer);
      }
    }
  }

  /** What waits at a silent instance goes elsewhere when somebody there has been heard, who may have had nothing to say until now. */
  #askOthers(peer: Instance): void {
    for (const other of this.#options.registry.someOthers(peer)) this.#probe(other, []);
  }

  /** Asks every instance what became of what it was sent: the connection was lost and is back. */
  askAll(): void {
    const { attempts, runtime } = this.#options;
    attempts.probeAll(runtime.clock.nowMs(), (instance, ids) => this.#probe(instance, ids));
  }

  #probe(instance: Instance, ids: readonly string[]): void {
    const { broker, runtime, subjects } = this.#options;
    if (!broker.connected) return;
    const id = runtime.ids.next();
    this.#probes.add({ id, peer: instance, ids, sentAtMs: runtime.clock.nowMs() });
    const headers = encodeHeaderBlock([header.probe, ids.join(",")]);
    broker.publish(subjects.probe(instance), EMPTY, subjects.reply(instance.service, id), headers);
  }

  /** Whether what comes under this id answers an attempt or a probe. */
  awaits(id: string): boolean {
    return this.#options.attempts.get(id) !== undefined || this.#probes.has(id);
  }

  /** What a service, proven by the broker, has published under the id of an attempt or a probe. */
  take(service: string, id: string, message: BrokerMessage): void {
    const attempt = this.#options.attempts.get(id);
    if (attempt === undefined) {
      this.#onProbeReply(service, id, message);
      return;
    }
    // Another service cannot know the id; that it answered shows a fault worth counting.
    if (attempt.instance.service !== service) {
      this.refuse(service, "a reply to an attempt of another service");
      return;
    }
    this.#options.attempts.remove(attempt);
    const headers = this.#readReply(attempt, message);
    if (typeof headers === "string") {
      this.refuse(service, `a reply that cannot be believed: ${headers}`);
      attempt.owner.attemptFailed(
        attempt,
        MeshError.of("internal", `the instance's reply cannot be believed: ${headers}`, { origin: "router" }),
      );
      return;
    }
    const now = this.#options.runtime.clock.nowMs();
    // All other status lines were refused: this is the broker's word that it is not there.
    if (headers.status !== NO_RESPONDERS) attempt.instance.heardAtMs = now;
    const load = headerValue(headers, header.load);
    const reported = load === undefined ? undefined : parseLoad(load);
    if (reported !== undefined) attempt.instance.load.reported(reported, now);
    attempt.owner.attemptReplied(attempt, { attemptId: id, headers, payload: message.payload });
  }

  /** The header block of a reply, or why it is not believed. Whatever that is, it may have run. */
  #readReply(attempt: Attempt, { headers: bytes, payload }: BrokerMessage): HeaderBlock | string {
    if (bytes.length === 0) return EMPTY_BLOCK;
    const headers = parseHeaderBlock(bytes);
    if (typeof headers === "string" || headers.status === 0) return headers;
    if (headers.status !== NO_RESPONDERS || payload.length > 0) return `a status line of its own, ${headers.status}`;
    // The broker says of which subject it speaks; a service that passes on the 503 of a call of its own says another.
    const { broker, subjects } = this.#options;
    const unheard = headerValue(headers, header.unheardSubject);
    const isBrokers = unheard === undefined ? !broker.namesUnheard : unheard === subjects.attempt(attempt);
    return isBrokers ? headers : "a 503 that is not the broker's word on this attempt";
  }

  #onProbeReply(service: string, id: string, { headers: bytes, payload }: BrokerMessage): void {
    const probe = this.#probes.take(id);
    const { runtime, registry, attempts } = this.#options;
    // Neither an attempt nor a probe: a reply that came after its time.
    if (probe === undefined) return;
    if (probe.peer.service !== service) {
      this.refuse(service, "an answer to a probe of another service");
      return;
    }
    const headers = parseHeaderBlock(bytes);
    const now = runtime.clock.nowMs();
    if (typeof headers !== "string" && headers.status === NO_RESPONDERS) {
      registry.suspect(probe.peer, now);
      attempts.probeUnheard(probe.peer, probe.ids, now);
      return;
    }
    registry.trust(probe.peer, now);
    const answer = typeof headers === "string" ? undefined : decodeProbeAnswer(payload);
    if (answer === undefined) this.refuse(service, "an answer to a probe that cannot be read");
    else attempts.probeAnswered(probe.peer, answer);
  }

  /** Who holds an id could answer for it, so no line shows one. */
  refuse(principal: string, problem: string): void {
    this.#options.runtime.refusals.refused({ stage: "reply", reason: "bad-request", principal, problem });
  }
}
