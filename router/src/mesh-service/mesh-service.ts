// The service `mesh`: what this router answers itself. Methods `policy` (for late joiners), `instances` (hints for direct
// callers), `probe` (what became of my calls).
import { Buffer } from "node:buffer";
import type { Broker, BrokerMessage } from "@malla/sdk/broker";
import { encodeFields, errorFields, MAX_PROBED_IDS, type Runtime, readRequestHeaders } from "@malla/sdk/call";
import {
  type CallTarget,
  CONTENT_TYPE_JSON,
  encodeHeaderBlock,
  encodeProbeAnswer,
  header,
  headerValue,
  isIdToken,
  MeshError,
} from "@malla/sdk/contract";
import type { Registry } from "@malla/sdk/discovery";
import type { ActiveCalls } from "../active-calls.ts";
import type { PolicyFollower } from "../policy/policy-follower.ts";
import { AnswerAllowance } from "./answer-allowance.ts";

export interface MeshServiceOptions {
  readonly broker: Broker;
  readonly runtime: Runtime;
  readonly registry: Registry;
  readonly active: ActiveCalls;
  readonly policy: Pick<PolicyFollower, "push">;
}

const EMPTY = new Uint8Array(0);
/** A header block and a little more, beside the payload. */
const HEADER_ROOM_BYTES = 1024;
const RETRY_AFTER_MS = 1_000;

export class MeshService {
  readonly #options: MeshServiceOptions;
  readonly #allowance: AnswerAllowance;

  constructor(options: MeshServiceOptions) {
    this.#options = options;
    this.#allowance = new AnswerAllowance(() => options.runtime.clock.nowMs());
  }

  /** Answers a call whose subject and reply have been checked. */
  answer(target: CallTarget, message: BrokerMessage): void {
    if (message.reply === "" || !this.#options.broker.connected) return;
    if (!this.#allowance.isLeft(target.principal)) {
      this.#tooMuch(target, message);
      return;
    }
    const bytes = this.#answer(target, message);
    this.#allowance.use(target.principal, bytes);
  }

  /** Returns how many bytes it sent. */
  #answer(target: CallTarget, message: BrokerMessage): number {
    switch (target.method) {
      case "policy":
        return this.#reply(target, message, this.#options.policy.push());
      case "instances":
        return this.#reply(target, message, Buffer.from(JSON.stringify(this.#instances())), CONTENT_TYPE_JSON);
      case "probe":
        return this.#probe(target, message);
      default: {
        const text = `service mesh has no method ${target.method}; it has policy, instances, probe`;
        return this.#refuse(target, message, MeshError.of("no-method", text, { origin: "router" }));
      }
    }
  }

  /** A probe is asked again by itself; nothing but silence would save what it costs. */
  #tooMuch(target: CallTarget, message: BrokerMessage): void {
    const text = `${target.principal} has asked service mesh for too much within a second`;
    const error = MeshError.of("rate-limited", text, { origin: "router", retryAfterMs: RETRY_AFTER_MS });
    if (target.method === "probe") this.#count(target, error);
    else this.#refuse(target, message, error);
  }

  #count(target: CallTarget, { reason, message: problem }: MeshError): void {
    const stage = target.method === "probe" ? "probe" : "mesh-service";
    this.#options.runtime.refusals.refused({ ...target, stage, reason, problem });
  }

  #refuse(target: CallTarget, message: BrokerMessage, error: MeshError): number {
    this.#count(target, error);
    this.#options.broker.publish(message.reply, EMPTY, undefined, encodeFields(errorFields(error, 0)));
    return 0;
  }

  #reply(target: CallTarget, message: BrokerMessage, payload: Uint8Array, contentType?: string): number {
    const { broker } = this.#options;
    if (payload.length + HEADER_ROOM_BYTES > broker.maxPayloadBytes) {
      const text = `the answer has ${payload.length} bytes; the broker carries ${broker.maxPayloadBytes}`;
      this.#refuse(target, message, MeshError.of("too-large", text, { origin: "router" }));
      // Making it was the work.
      return payload.length;
    }
    const headers = contentType === undefined ? undefined : encodeHeaderBlock([header.contentType, contentType]);
    broker.publish(message.reply, payload, undefined, headers);
    return payload.length;
  }

  #instances(): object {
    const services: Record<string, object[]> = {};
    for (const entry of this.#options.registry.services()) {
      services[entry.name] = [...entry.instances.values()].map(({ id, version, phase, kind, tags, load }) => ({
        id,
        version,
        phase,
        kind,
        tags,
        inFlight: load.inFlight,
      }));
    }
    return { services };
  }

  /** Running, done (the reply is sent again) or unseen (it will never run here). Ids beyond the bound are not looked at. */
  #probe(target: CallTarget, message: BrokerMessage): number {
    const { principal } = target;
    const { active, broker } = this.#options;
    const ids = probedIds(message.headers);
    if (ids instanceof MeshError) return this.#refuse(target, message, ids);
    if (ids.some((id) => active.isOthers(id, principal))) this.#askedForOthers(target);
    const answer = active.probe(principal, ids);
    let bytes = 0;
    for (const id of answer.done) {
      const reply = active.finished.find(id, principal);
      if (reply === undefined) continue;
      broker.publish(reply.subject, reply.payload, undefined, reply.headers);
      bytes += reply.payload.length + reply.headers.length;
    }
    return bytes + this.#reply(target, message, encodeProbeAnswer(answer));
  }

  /** The answer says no more than of an id that nobody uses. */
  #askedForOthers(target: CallTarget): void {
    const problem = "a probe asks for another's call";
    this.#options.runtime.refusals.refused({ ...target, stage: "probe", reason: "denied", problem });
  }
}

/** The ids a probe lists, or why it is refused. */
function probedIds(headers: Uint8Array): readonly string[] | MeshError {
  let listed: string | undefined;
  try {
    listed = headerValue(readRequestHeaders(headers).headers, header.probe);
  } catch (error) {
    return MeshError.from(error, "router");
  }
  const ids = (listed ?? "").split(",", MAX_PROBED_IDS + 1);
  if (ids.length <= MAX_PROBED_IDS && ids.every(isIdToken)) return ids;
  const message = `header ${header.probe}: 1 to ${MAX_PROBED_IDS} ids with commas between them are expected`;
  return MeshError.of("bad-request", message, { origin: "router" });
}
