// What each router knows of instances: service `mesh`, method `instances`, asked of every router by name.
import type { NatsBroker } from "@malla/sdk/broker";
import { inboxSubject, MESH_SERVICE, viaSubject } from "@malla/sdk/contract";
import { OPERATOR } from "./session.ts";

/** How long a router may take to answer, in ms; one that is too busy for that is left out. */
const ANSWER_MS = 1_000;
const NOTHING = new Uint8Array(0);

export interface KnownInstance {
  readonly service: string;
  readonly id: string;
  readonly version: string;
  readonly phase: string;
  readonly kind: "sdk" | "plain";
  readonly tags: Readonly<Record<string, string>>;
  /** Calls that all routers together have there now. */
  readonly inFlight: number;
}

type Answer = { readonly services: Readonly<Record<string, readonly Omit<KnownInstance, "service">[]>> };

/** Instances by `service/id`, summed over the routers that answered. */
export async function askRouters(
  broker: NatsBroker,
  routers: readonly string[],
): Promise<ReadonlyMap<string, KnownInstance>> {
  const connection = crypto.randomUUID();
  const answers = new Map<string, Answer>();
  await new Promise<void>((resolve) => {
    if (routers.length === 0) return resolve();
    setTimeout(resolve, ANSWER_MS);
    for (const router of routers) {
      const inbox = inboxSubject(OPERATOR, connection, router);
      broker.subscribe(inbox, ({ payload }) => {
        const answer = readAnswer(payload);
        if (answer !== undefined) answers.set(router, answer);
        if (answers.size === routers.length) resolve();
      });
      broker.publish(viaSubject(router, OPERATOR, MESH_SERVICE, "instances"), NOTHING, inbox);
    }
  });
  return mergeAnswers([...answers.values()]);
}

function readAnswer(payload: Uint8Array): Answer | undefined {
  try {
    const answer = JSON.parse(Buffer.from(payload).toString("utf8")) as Partial<Answer>;
    return typeof answer.services === "object" ? (answer as Answer) : undefined;
  } catch {
    // The broker's word that this router is gone has no body.
    return undefined;
  }
}

/** Calls in flight are each router's own and add up; the rest they all heard alike. */
export function mergeAnswers(answers: readonly Answer[]): ReadonlyMap<string, KnownInstance> {
  const merged = new Map<string, KnownInstance>();
  for (const { services } of answers) {
    for (const [service, instances] of Object.entries(services)) {
      for (const instance of instances) {
        const key = `${service}/${instance.id}`;
        const before = merged.get(key)?.inFlight ?? 0;
        merged.set(key, { ...instance, service, inFlight: before + instance.inFlight });
      }
    }
  }
  return merged;
}
