// The routed path: caller → router → instance and back. It picks the router, waits for the reply by id, probes a router that
// is silent, and goes to another one where that is safe.
import type { Broker, BrokerMessage } from "../broker/broker.ts";
import { BrokerDisconnected } from "../broker/broker.ts";
import type { Runtime } from "../call/runtime.ts";
import { ProbeTable } from "../call/probe-table.ts";
import { errorOfReply } from "../call/respond.ts";
import type { Timer } from "../call/timer-wheel.ts";
import { type Loss, PROBE_TICK_MS, type Waiting, WaitingTable } from "../call/waiting-table.ts";
import {
  callSubject,
  cancelSubject,
  decodeProbeAnswer,
  EMPTY_BLOCK,
  encodeHeaderBlock,
  formatTimeoutMs,
  type HeaderBlock,
  header,
  inboxSubject,
  MESH_SERVICE,
  MeshError,
  parseHeaderBlock,
  subscriptions,
  viaSubject,
} from "../contract/index.ts";
import type { KnownRouter, RouterDirectory } from "../discovery/router-directory.ts";

/** The router ends a call at its deadline; the caller waits this much longer for its word, in ms. */
const DEADLINE_GRACE_MS = 25;
/** How often a call that provably did not start goes to another router. */
const MAX_RESENDS = 5;
/** With no router to be had, the shared subject is tried again after this, in ms, … */
const NO_ROUTER_RETRY_MS = 100;
/** … for so long at most, in ms. */
const NO_ROUTER_WAIT_MS = 1_500;
const NO_RESPONDERS = 503;
const EMPTY = new Uint8Array(0);

export interface RoutedRequest {
  readonly service: string;
  readonly method: string;
  readonly payload: Uint8Array;
  /** Without the deadline, which is written when the request is sent. */
  readonly fields: readonly string[];
  readonly deadlineAtMs: number;
  /** Whether doing it twice does no harm, as far as the caller knows. */
  readonly repeatable: boolean;
}

export interface RoutedReply {
  readonly headers: HeaderBlock;
  readonly payload: Uint8Array;
}

interface PendingCall extends Waiting<KnownRouter> {
  readonly request: RoutedRequest;
  readonly firstSentAtMs: number;
  readonly resends: number;
  readonly deadlineTimer: Timer;
  readonly settle: Settle;
}

type Settle = (error: MeshError | undefined, reply: RoutedReply | undefined) => void;

export interface RoutedPathOptions {
  readonly broker: Broker;
  readonly runtime: Runtime;
  readonly principal: string;
  /** Unique to this connection. */
  readonly connection: string;
  readonly routers: RouterDirectory;
}

/** What `call` returns to whoever may want to give up. */
export interface RunningCall {
  cancel(error: MeshError): void;
}

export class RoutedPath {
  readonly #options: RoutedPathOptions;
  readonly #inboxPrefix: string;
  readonly #pending: WaitingTable<KnownRouter, PendingCall>;
  readonly #probes = new ProbeTable<KnownRouter>();
  #probeTimer: NodeJS.Timeout | undefined;

  constructor(options: RoutedPathOptions) {
    this.#options = options;
    this.#inboxPrefix = inboxSubject(options.principal, options.connection, "");
    this.#pending = new WaitingTable((call, loss) => this.#lost(call, loss));
  }

  start(): void {
    const { broker, principal, connection } = this.#options;
    broker.subscribe(subscriptions.inbox(principal, connection), (message) => this.#onMessage(message));
    broker.onStatus((status) => {
      if (status.type === "disconnected" || status.type === "closed") this.#failAll("the connection to the broker was lost while the call ran");
    });
    this.#probeTimer = setInterval(() => this.#probeOld(), PROBE_TICK_MS);
    this.#probeTimer.unref();
  }

  stop(): void {
    clearInterval(this.#probeTimer);
    this.#failAll("this process closed its connection while the call ran");
  }

  /** Calls that wait for an answer. */
  get inFlight(): number {
    return this.#pending.size;
  }

  /** Sends a request; `settle` is called exactly once, never before this returns. */
  call(request: RoutedRequest, settle: Settle): RunningCall {
    const { clock, timers } = this.#options.runtime;
    const now = clock.nowMs();
    const remainingMs = request.deadlineAtMs - now;
    if (remainingMs <= 0) {
      queueMicrotask(() => settle(MeshError.of("deadline", "the deadline had passed before the call was sent"), undefined));
      return { cancel: () => undefined };
    }
    // The current try of this call; a resend replaces it.
    const slot: { call: PendingCall | undefined; ended: boolean } = { call: undefined, ended: false };
    const end: Settle = (error, reply) => {
      if (slot.ended) return;
      slot.ended = true;
      timers.cancel(deadlineTimer);
      settle(error, reply);
    };
    const giveUp = (error: MeshError): void => {
      const { call } = slot;
      if (call !== undefined && this.#forget(call)) this.#cancelAtRouter(call);
      end(error, undefined);
    };
    const deadlineTimer = timers.schedule(remainingMs + DEADLINE_GRACE_MS, () => {
      giveUp(MeshError.of("deadline", `${request.service}.${request.method} did not answer within ${Math.round(remainingMs)} ms`));
    });
    this.#send(request, { firstSentAtMs: now, resends: 0, deadlineTimer, settle: end, slot });
    return { cancel: giveUp };
  }

  #send(
    request: RoutedRequest,
    how: { firstSentAtMs: number; resends: number; deadlineTimer: Timer; settle: Settle; slot: { call: PendingCall | undefined; ended: boolean } },
  ): void {
    if (how.slot.ended) return;
    const { broker, runtime, principal, connection, routers } = this.#options;
    const now = runtime.clock.nowMs();
    const router = routers.choose(runtime.random);
    const call: PendingCall & { slot: typeof how.slot } = {
      id: runtime.ids.next(),
      request,
      peer: router,
      repeatable: request.repeatable,
      sentAtMs: now,
      probedAtMs: 0,
      goneSinceMs: 0,
      ...how,
    };
    how.slot.call = call;
    const { service, method } = request;
    const subject = router === undefined ? callSubject(principal, service, method) : viaSubject(router.id, principal, service, method);
    const fields = [...request.fields, header.timeout, formatTimeoutMs(request.deadlineAtMs - now)];
    try {
      const headers = encodeHeaderBlock(fields);
      this.#refuseTooLarge(request.payload.length + headers.length);
      broker.publish(subject, request.payload, inboxSubject(principal, connection, call.id), headers);
    } catch (thrown) {
      queueMicrotask(() => how.settle(sendError(thrown), undefined));
      return;
    }
    if (router !== undefined) router.inFlight++;
    this.#pending.add(call);
  }

  #refuseTooLarge(bytes: number): void {
    const { maxPayloadBytes } = this.#options.broker;
    if (bytes > maxPayloadBytes) {
      throw MeshError.of("too-large", `the request has ${bytes} bytes with its headers; the broker carries ${maxPayloadBytes}`);
    }
  }

  #onMessage(message: BrokerMessage): void {
    const id = message.subject.slice(this.#inboxPrefix.length);
    const call = this.#pending.get(id);
    const headers = message.headers.length === 0 ? EMPTY_BLOCK : parseHeaderBlock(message.headers);
    if (call === undefined) {
      if (typeof headers !== "string") this.#onProbeReply(id, headers, message.payload);
      return;
    }
    this.#forget(call);
    if (typeof headers === "string") {
      call.settle(MeshError.of("internal", `the reply cannot be read: ${headers}`), undefined);
      return;
    }
    if (headers.status === NO_RESPONDERS) {
      this.#nobodyThere(call);
      return;
    }
    const error = errorOfReply(headers, "router");
    // A router that drains or is full has not begun: another may.
    if (error?.reason === "not-started" && error.origin === "router" && error.attempts === 0 && this.#resend(call, 0)) return;
    call.settle(error, { headers, payload: message.payload });
  }

  /** The broker's 503 on the request itself: nothing ran, so it may always go elsewhere. */
  #nobodyThere(call: PendingCall): void {
    const { routers, runtime } = this.#options;
    if (call.peer !== undefined) {
      routers.suspect(call.peer.id, runtime.clock.nowMs());
      if (this.#resend(call, 0)) return;
    } else if (runtime.clock.nowMs() - call.firstSentAtMs < NO_ROUTER_WAIT_MS && this.#resend(call, NO_ROUTER_RETRY_MS)) return;
    call.settle(MeshError.of("not-started", "no router is running; `malla up` or `malla router` starts one"), undefined);
  }

  #resend(call: PendingCall, delayMs: number): boolean {
    const { clock, timers } = this.#options.runtime;
    const waitsForRouter = delayMs > 0;
    if (!waitsForRouter && call.resends >= MAX_RESENDS) return false;
    if (clock.nowMs() + delayMs >= call.request.deadlineAtMs) return false;
    const { firstSentAtMs, deadlineTimer, settle, request } = call;
    const { slot } = call as PendingCall & { slot: { call: PendingCall | undefined; ended: boolean } };
    const again = (): void => this.#send(request, { firstSentAtMs, deadlineTimer, settle, slot, resends: call.resends + (waitsForRouter ? 0 : 1) });
    if (delayMs === 0) again();
    else timers.schedule(delayMs, again);
    return true;
  }

  #lost(call: PendingCall, loss: Loss): void {
    if (call.peer !== undefined) call.peer.inFlight--;
    const mayResend = loss === "unseen" || call.repeatable;
    if (loss === "gone" && call.peer !== undefined) this.#options.routers.suspect(call.peer.id, this.#options.runtime.clock.nowMs());
    if (mayResend && this.#resend(call, 0)) return;
    call.settle(MeshError.of("gone", "the router was lost while the call ran"), undefined);
  }

  #probeOld(): void {
    const { broker, runtime } = this.#options;
    if (!broker.connected) return;
    this.#pending.probeOld(runtime.clock.nowMs(), (router, ids) => this.#probe(router, ids));
  }

  #probe(router: KnownRouter, ids: readonly string[]): void {
    const { broker, runtime, principal, connection } = this.#options;
    const id = runtime.ids.next();
    this.#probes.add({ id, peer: router, ids, sentAtMs: runtime.clock.nowMs() });
    const headers = encodeHeaderBlock([header.probe, ids.join(",")]);
    broker.publish(viaSubject(router.id, principal, MESH_SERVICE, "probe"), EMPTY, inboxSubject(principal, connection, id), headers);
  }

  #onProbeReply(id: string, headers: HeaderBlock, payload: Uint8Array): void {
    const probe = this.#probes.take(id);
    if (probe === undefined) return;
    const now = this.#options.runtime.clock.nowMs();
    if (headers.status === NO_RESPONDERS) {
      this.#options.routers.suspect(probe.peer.id, now);
      this.#pending.probeUnheard(probe.peer, probe.ids, now);
      return;
    }
    const answer = decodeProbeAnswer(payload);
    if (answer !== undefined) this.#pending.probeAnswered(probe.peer, answer);
  }

  #forget(call: PendingCall): boolean {
    if (!this.#pending.remove(call)) return false;
    if (call.peer !== undefined) call.peer.inFlight--;
    return true;
  }

  #cancelAtRouter(call: PendingCall): void {
    const { broker, principal } = this.#options;
    if (call.peer === undefined || !broker.connected) return;
    broker.publish(cancelSubject(call.peer.id, principal, call.id), EMPTY);
  }

  /** Nobody can tell any more what became of these calls. */
  #failAll(message: string): void {
    for (const call of [...this.#pending.all()]) {
      this.#forget(call);
      call.settle(MeshError.of("gone", message), undefined);
    }
  }
}

function sendError(thrown: unknown): MeshError {
  if (thrown instanceof MeshError) return thrown;
  if (thrown instanceof BrokerDisconnected) return MeshError.of("not-started", thrown.message, { cause: thrown });
  return MeshError.of("internal", thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
}
