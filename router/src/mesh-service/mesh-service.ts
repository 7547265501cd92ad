// The service `mesh`: what this router answers itself. Methods `policy` (for late joiners), `instances` (hints for direct
// callers), `probe` (what became of my calls).
import type { Broker, BrokerMessage } from "@malla/sdk/broker";
import { encodeFields, errorFields, type Runtime } from "@malla/sdk/call";
import {
  type CallTarget,
  CONTENT_TYPE_JSON,
  encodeHeaderBlock,
  encodeProbeAnswer,
  header,
  headerValue,
  isIdToken,
  MeshError,
  parseHeaderBlock,
} from "@malla/sdk/contract";
import type { Registry } from "@malla/sdk/discovery";
import { type ActiveCalls, finishedKey } from "../active-calls.ts";
import type { PolicyFollower } from "../policy/policy-follower.ts";

export interface MeshServiceOptions {
  readonly broker: Broker;
  readonly runtime: Runtime;
  readonly registry: Registry;
  readonly active: ActiveCalls;
  readonly policy: PolicyFollower;
}

const EMPTY = new Uint8Array(0);

export class MeshService {
  readonly #options: MeshServiceOptions;

  constructor(options: MeshServiceOptions) {
    this.#options = options;
  }

  /** Answers a call whose subject and reply have been checked. */
  answer(target: CallTarget, message: BrokerMessage): void {
    if (message.reply === "" || !this.#options.broker.connected) return;
    switch (target.method) {
      case "policy":
        this.#reply(message, this.#options.policy.push());
        return;
      case "instances":
        this.#reply(message, Buffer.from(JSON.stringify(this.#instances())), CONTENT_TYPE_JSON);
        return;
      case "probe":
        this.#probe(target.principal, message);
        return;
      default: {
        const text = `service mesh has no method ${target.method}; it has policy, instances, probe`;
        this.#refuse(message, MeshError.of("no-method", text, { origin: "router" }));
      }
    }
  }

  #reply(message: BrokerMessage, payload: Uint8Array, contentType?: string): void {
    const { broker } = this.#options;
    const headers = contentType === undefined ? undefined : encodeHeaderBlock([header.contentType, contentType]);
    const bytes = payload.length + (headers?.length ?? 0);
    if (bytes <= broker.maxPayloadBytes) broker.publish(message.reply, payload, undefined, headers);
    else {
      const text = `the answer has ${bytes} bytes with its headers; the broker carries ${broker.maxPayloadBytes}`;
      this.#refuse(message, MeshError.of("too-large", text, { origin: "router" }));
    }
  }

  #refuse(message: BrokerMessage, error: MeshError): void {
    this.#options.broker.publish(message.reply, EMPTY, undefined, encodeFields(errorFields(error, 0)));
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

  /** Running, done (the reply is sent again) or unseen (it will never run here). */
  #probe(principal: string, message: BrokerMessage): void {
    const { active, broker } = this.#options;
    const headers = parseHeaderBlock(message.headers);
    if (typeof headers === "string") return;
    const ids = (headerValue(headers, header.probe) ?? "").split(",").filter(isIdToken);
    const answer = active.probe(principal, ids);
    for (const id of answer.done) {
      const reply = active.finished.find(finishedKey(id, principal));
      if (reply !== undefined) broker.publish(reply.subject, reply.payload, undefined, reply.headers);
    }
    this.#reply(message, encodeProbeAnswer(answer));
  }
}
