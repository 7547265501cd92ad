// One call as tests of stages see it, and instances as an announcement makes them.
import type { Exchange } from "../call/exchange.ts";
import type { InstanceState } from "../contract/control-messages.ts";
import type { MeshDocument } from "../contract/documents.ts";
import { EMPTY_BLOCK } from "../contract/header-block.ts";
import { compile, emptyPolicy, matchRoute, type Policy, settingsOf } from "../engine/index.ts";

/** An announcement with everything at rest. */
export function instanceState(more: Partial<InstanceState> = {}): InstanceState {
  return {
    protocol: 1,
    version: "1.0.0",
    tags: {},
    methods: ["place"],
    idempotentMethods: [],
    maxInFlight: 100,
    load: { inFlight: 0, queued: 0, loopLagMs: 0 },
    phase: "serving",
    sentAtMs: 0,
    capabilities: [],
    ...more,
  };
}

/** Compiles documents that must be right. */
export function policyOf(...documents: readonly MeshDocument[]): Policy {
  const { policy, problems } = compile(documents, 1);
  const errors = problems.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(`a fixture's policy is wrong: ${JSON.stringify(errors)}`);
  return policy;
}

/** `cart` calls `orders.place`, routed by the policy if it has a Route for it. */
export function exchangeOf(nowMs: number, more: Partial<Exchange> = {}, policy: Policy = emptyPolicy): Exchange {
  const { principal = "cart", service = "orders", method = "place" } = more;
  const route = matchRoute(policy, { principal, service, method, header: () => undefined });
  return {
    principal,
    service,
    method,
    label: service,
    callId: "call",
    reply: `_INBOX.${principal}.conn.call`,
    headers: EMPTY_BLOCK,
    payload: new Uint8Array(0),
    startedAtMs: nowMs,
    deadlineAtMs: nowMs + 10_000,
    lostMs: 0,
    via: true,
    timeoutMs: undefined,
    priority: "default",
    key: undefined,
    idempotencyKey: undefined,
    stream: undefined,
    framedBytes: undefined,
    parent: undefined,
    span: undefined,
    forwarded: [],
    requestId: "",
    policy,
    settings: settingsOf(policy, service, route),
    route,
    targetService: service,
    targetMethod: route?.rewriteMethod ?? method,
    idempotent: false,
    attempts: 0,
    version: "",
    ended: false,
    ...more,
  };
}
