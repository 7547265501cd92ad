// A direct call from top to bottom: the stages of `router/src/pipeline.ts` from `open` on, in the caller. What only a router can do,
// and what is not certain to be allowed, goes routed instead, without the application seeing a difference.
import type { Broker, BrokerMessage, BrokerStatus } from "../broker/broker.ts";
import { authorizeServices } from "../call/authorize.ts";
import { createAttemptTable } from "../call/dispatch/attempt.ts";
import { type Dispatch, type DispatchPorts, type DispatchResult, dispatch } from "../call/dispatch/dispatch.ts";
import type { Exchange } from "../call/exchange.ts";
import { calledFacts } from "../call/facts.ts";
import { MAX_WHOLE_BYTES } from "../call/frames/frame-bounds.ts";
import { deadlineAtMs, readRequestFields } from "../call/open.ts";
import { requireTarget, route } from "../call/route.ts";
import type { Runtime } from "../call/runtime.ts";
import { PROBE_TICK_MS } from "../call/waiting-table.ts";
import { MeshError } from "../contract/index.ts";
import type { PolicyFreshness } from "../discovery/policy-freshness.ts";
import type { PolicyHolder } from "../discovery/policy-holder.ts";
import { lowerPriority, RetryBudgets, settingsOf } from "../engine/index.ts";
import { attribute } from "../telemetry/rpc-semantics.ts";
import type { CallerFrames } from "./caller-frames.ts";
import { DirectFrames } from "./direct-frames.ts";
import { DirectSender } from "./direct-sender.ts";
import { DirectTargets, TARGETS_SWEEP_MS } from "./direct-targets.ts";
import type { OutgoingCalls } from "./outgoing-calls.ts";
import type { CallReply, OutgoingRequest, RunningCall, Settle } from "./outgoing-request.ts";
import { ReconnectGrace } from "./reconnect-grace.ts";
import type { ServiceInboxes } from "./service-inboxes.ts";

export interface DirectPathOptions {
  readonly broker: Broker;
  readonly runtime: Runtime;
  readonly principal: string;
  readonly inboxes: ServiceInboxes;
  /** Undefined: these credentials may send no frames; what is large goes through a router. */
  readonly frames: CallerFrames | undefined;
  /** Services the credentials name as targets. */
  readonly services: readonly string[];
  readonly policy: PolicyHolder;
  readonly freshness: PolicyFreshness;
  readonly outgoing: OutgoingCalls;
  /** The other way, for calls that had to begin on this one and cannot go on. */
  readonly routed: (request: OutgoingRequest, settle: Settle) => RunningCall;
}

/** One call on this path; `routed` is set once it has gone over to the other. */
interface DirectCall extends RunningCall {
  readonly request: OutgoingRequest;
  readonly settle: Settle;
  dispatch: Dispatch | undefined;
  /** Set while its reply comes in frames. */
  arriving: RunningCall | undefined;
  routed: RunningCall | undefined;
  /** Whether `call` has returned: what ends before is told after. */
  returned: boolean;
}

export class DirectPath {
  readonly #options: DirectPathOptions;
  readonly #targets: DirectTargets;
  readonly #attempts = createAttemptTable();
  readonly #sender: DirectSender;
  readonly #ports: DispatchPorts;
  readonly #calls = new Set<DirectCall>();
  readonly #frames: DirectFrames | undefined;
  readonly #grace: ReconnectGrace<never>;
  readonly #timers: NodeJS.Timeout[] = [];

  constructor(options: DirectPathOptions) {
    const { runtime } = options;
    const budgets = new RetryBudgets();
    this.#options = options;
    this.#targets = new DirectTargets({
      ...options,
      replyOf: (service) => options.inboxes.subject(service, runtime.ids.next()),
    });
    const { registry } = this.#targets;
    this.#sender = new DirectSender({ ...options, registry, attempts: this.#attempts });
    this.#ports = {
      ...runtime,
      registry,
      attempts: this.#attempts,
      sender: this.#sender,
      // Waiting for an instance is what routers are for.
      parking: undefined,
      budgetOf: (service) => budgets.of(service),
    };
    if (options.frames !== undefined) this.#frames = new DirectFrames(options.frames, runtime, this.#attempts);
    this.#grace = new ReconnectGrace(runtime.timers, () =>
      this.#giveUp("the connection to the broker was lost while the call ran"),
    );
  }

  start(): void {
    const { broker } = this.#options;
    this.#targets.start();
    broker.onStatus((status) => this.#onStatus(status));
    this.#every(PROBE_TICK_MS, () => this.#sender.replies.tick());
    this.#every(TARGETS_SWEEP_MS, () => this.#targets.sweep());
    this.#frames?.start();
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#giveUp("this process closed its connection while the call ran");
  }

  /** What a service has published to this connection. False: it is no answer to an attempt or probe of this path. */
  take(service: string, id: string, message: BrokerMessage): boolean {
    const { replies } = this.#sender;
    if (!replies.awaits(id)) return false;
    replies.take(service, id, message);
    return true;
  }

  /** A router has said who is there. */
  greet(hints: unknown): void {
    this.#targets.greet(hints);
  }

  /** Instances of this service that calls can be sent to now; undefined where the credentials do not name it. */
  instancesOf(service: string): number | undefined {
    if (!this.#targets.has(service)) return undefined;
    const { broker, freshness, runtime } = this.#options;
    if (!broker.connected || !freshness.isFresh(runtime.clock.nowMs())) return 0;
    return this.#targets.registry.service(service)?.serving.length ?? 0;
  }

  /** Sends a request, and `settle` is called exactly once, never before this returns. Undefined: it is to go routed. */
  call(request: OutgoingRequest, settle: Settle): RunningCall | undefined {
    // A large one travels in frames, which are opened by a router.
    if (request.needsRouter || request.payload.length > MAX_WHOLE_BYTES) return undefined;
    if ((this.instancesOf(request.service) ?? 0) === 0) return undefined;
    let exchange: Exchange;
    try {
      exchange = this.#open(request);
      // Before authorize, which judges the final service and method.
      route(exchange, calledFacts(exchange));
      if (!this.#mayGo(exchange)) return undefined;
      exchange.deadlineAtMs = this.#deadline(exchange);
      // The receiver's word is binding; here it is for a good error, and so that nothing is sent that will be refused.
      authorizeServices(exchange, "sdk", NOBODY_IS_TOLD);
      requireTarget(exchange, this.#targets.registry, exchange.policy);
    } catch (thrown) {
      return this.#rescue(thrown, settle);
    }
    // From here on callbacks carry the call.
    return this.#carry(exchange, request, settle);
  }

  #open(request: OutgoingRequest): Exchange {
    const { runtime, policy, principal } = this.#options;
    const { service, method, payload, span, trace } = request;
    const headers = { status: 0, fields: request.fields };
    const facts = readRequestFields(headers);
    const settings = settingsOf(policy.current, service);
    const now = runtime.clock.nowMs();
    return {
      principal,
      service,
      method,
      label: service,
      callId: "",
      reply: "",
      via: false,
      headers,
      payload,
      startedAtMs: now,
      deadlineAtMs: request.deadlineAtMs,
      lostMs: 0,
      timeoutMs: request.deadlineAtMs - now,
      priority: lowerPriority(facts.priority, settings.maxPriorityOf(principal)),
      key: facts.key,
      idempotencyKey: undefined,
      stream: undefined,
      framedBytes: undefined,
      parent: trace,
      span,
      forwarded: facts.forwarded,
      requestId: "",
      policy: policy.current,
      settings,
      route: undefined,
      targetService: service,
      targetMethod: method,
      idempotent: false,
      attempts: 0,
      version: "",
      ended: false,
    };
  }

  /** Whether policy lets this call go direct, and the credentials wherever its Route may take it. */
  #mayGo({ policy, settings, targetService, route: found }: Exchange): boolean {
    if (!settings.direct || !this.#targets.has(targetService)) return false;
    if (found === undefined) return true;
    for (const { service } of found.destinations)
      if (service !== undefined && !(this.#targets.has(service) && settingsOf(policy, service).direct)) return false;
    return true;
  }

  /** A Route's or service's own time is the most a call gets; a caller may ask for less. */
  #deadline({ startedAtMs, timeoutMs, settings }: Exchange): number {
    return deadlineAtMs(startedAtMs, timeoutMs, settings.maxTimeoutMs, 0);
  }

  /** What policy denies is told. Of everything else a router may know more. */
  #rescue(thrown: unknown, settle: Settle): RunningCall | undefined {
    if (!(thrown instanceof MeshError)) throw thrown;
    if (thrown.reason !== "denied") return undefined;
    this.#options.runtime.telemetry.rejected("authorize", thrown.reason);
    queueMicrotask(() => settle(thrown, undefined, 0, ""));
    return NOTHING_TO_CANCEL;
  }

  #carry(exchange: Exchange, request: OutgoingRequest, settle: Settle): RunningCall {
    const refusal = this.#options.outgoing.begin(exchange.payload.length);
    if (refusal !== undefined) {
      queueMicrotask(() => settle(refusal, undefined, 0, ""));
      return NOTHING_TO_CANCEL;
    }
    const call: DirectCall = {
      request,
      settle,
      dispatch: undefined,
      arriving: undefined,
      routed: undefined,
      returned: false,
      cancel: (error) => (call.routed ?? call.arriving ?? call.dispatch)?.cancel(error),
    };
    this.#calls.add(call);
    request.span?.setAttribute(attribute.way, "direct");
    this.#enter(exchange);
    call.dispatch = dispatch(exchange, this.#ports, (result) => this.#finish(call, exchange, result));
    call.returned = true;
    return call;
  }

  /** Replies are listened for before anything is sent, wherever the Route may take the call, and no longer than somebody waits. */
  #enter({ targetService, route: found }: Exchange): void {
    const { inboxes } = this.#options;
    inboxes.enter(targetService);
    if (found === undefined) return;
    for (const { service } of found.destinations) if (service !== undefined) inboxes.enter(service);
  }

  #leave({ targetService, route: found }: Exchange): void {
    const { inboxes } = this.#options;
    inboxes.leave(targetService);
    if (found === undefined) return;
    for (const { service } of found.destinations) if (service !== undefined) inboxes.leave(service);
  }

  #finish(call: DirectCall, exchange: Exchange, result: DispatchResult): void {
    const { reply } = result;
    if (reply !== undefined && result.error === undefined) {
      call.arriving = this.#frames?.awaitReply(exchange, reply, (error, whole) => {
        // Its reply was lost on the way: to ask for it once more is to run it once more.
        if (error?.reason === "gone" && exchange.idempotent) this.#end(call, exchange, undefined, undefined, true);
        else this.#end(call, exchange, error, whole, false);
      });
      if (call.arriving !== undefined) return;
    }
    this.#frames?.ended(exchange);
    this.#end(call, exchange, result.error, reply, result.waits);
  }

  #end(
    call: DirectCall,
    exchange: Exchange,
    error: MeshError | undefined,
    reply: CallReply | undefined,
    waits: boolean,
  ): void {
    this.#calls.delete(call);
    this.#leave(exchange);
    this.#options.outgoing.end(exchange.payload.length);
    // Nothing runs, and it may be sent once more: a router can wait for an instance, or for the broker.
    if (waits) call.routed = this.#options.routed(call.request, call.settle);
    else if (call.returned) this.#tell(call, exchange, error, reply);
    else queueMicrotask(() => this.#tell(call, exchange, error, reply));
  }

  #tell({ settle }: DirectCall, exchange: Exchange, error: MeshError | undefined, reply: CallReply | undefined): void {
    const { attempts, version } = exchange;
    if (error === undefined) settle(undefined, reply, attempts, version);
    else settle(asToldHere(error, attempts), undefined, attempts, version);
  }

  #onStatus({ type }: BrokerStatus): void {
    if (type === "disconnected") this.#grace.begin(this.#options.broker);
    if (type === "closed") this.#giveUp("the connection to the broker was closed while the call ran");
    if (type !== "connected") return;
    this.#targets.registry.thaw(this.#options.runtime.clock.nowMs());
    this.#grace.end();
    // Requests and replies may have been lost with the connection.
    this.#sender.replies.askAll();
  }

  /** Nobody can tell any more what became of these calls. */
  #giveUp(message: string): void {
    for (const call of [...this.#calls]) (call.arriving ?? call.dispatch)?.cancel(MeshError.of("gone", message));
  }

  #every(ms: number, run: () => void): void {
    this.#timers.push(setInterval(run, ms).unref());
  }
}

const NOTHING_TO_CANCEL: RunningCall = { cancel: () => undefined };

/** What policies in audit mode would have refused is the receiver's to log. */
function NOBODY_IS_TOLD(): void {}

/** The stages say `router` where they run in a caller too. */
function asToldHere(error: MeshError, attempts: number): MeshError {
  const { status, reason, message, retryAfterMs, cause } = error;
  return new MeshError({
    status,
    reason,
    message,
    origin: error.origin === "router" ? "sdk" : error.origin,
    attempts,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(cause === undefined ? {} : { cause }),
  });
}
