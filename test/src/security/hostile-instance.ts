// An instance written by hand: it speaks the protocol of our SDK without being bound by it.
import type { BrokerMessage, NatsBroker } from "@malla/sdk/broker";
import {
  encodeInstanceState,
  headerValue,
  type InstanceState,
  instanceSubject,
  PROBE_METHOD,
  parseAttemptSubject,
  parseHeaderBlock,
  subscriptions,
} from "@malla/sdk/contract";

export interface HostileInstance {
  /** Requests to handlers so far; probes and cancels are not among them. */
  readonly requests: readonly BrokerMessage[];
  announce(more?: Partial<InstanceState>): void;
}

/** Announces an instance of the client's own service, and answers each request with what `answer` publishes. */
export async function hostileInstance(
  client: NatsBroker,
  service: string,
  answer: (request: BrokerMessage) => void,
  id = "i1",
): Promise<HostileInstance> {
  const requests: BrokerMessage[] = [];
  client.subscribe(subscriptions.run(service, id), (message) => {
    const headers = parseHeaderBlock(message.headers);
    const isCancel = typeof headers !== "string" && headerValue(headers, "Malla-Cancel") !== undefined;
    if (isCancel || parseAttemptSubject(message.subject)?.method === PROBE_METHOD) return;
    requests.push(message);
    answer(message);
  });
  await client.flush();
  const announce = (more: Partial<InstanceState> = {}): void =>
    client.publish(instanceSubject(service, id), encodeInstanceState(announcement(more)));
  announce();
  await client.flush();
  return { requests, announce };
}

/** What an instance with one method `work` says of itself. */
export function announcement(more: Partial<InstanceState> = {}): InstanceState {
  return {
    protocol: 1,
    version: "1.0.0",
    tags: {},
    methods: ["work"],
    idempotentMethods: [],
    maxInFlight: 100,
    load: { inFlight: 0, queued: 0, loopLagMs: 0 },
    phase: "serving",
    sentAtMs: 0,
    capabilities: [],
    ...more,
  };
}
