// The routed path: caller → router → instance and back. It picks the router, waits for the reply by id, probes a router that
// is silent, and goes to another one where that is safe.
import type { Broker, BrokerMessage } from "../broker/broker.ts";
import { BrokerDisconnected } from "../broker/broker.ts";
import { framedReplyBytes } from "../call/frames/handshake.ts";
import { ProbeTable, SILENT_AFTER_MS } from "../call/probe-table.ts";
import { errorOfReply } from "../call/respond.ts";
import type { Runtime } from "../call/runtime.ts";
import { type Loss, PROBE_TICK_MS, WaitingTable } from "../call/waiting-table.ts";
import {
  cancelSubject,
  decodeProbeAnswer,
  EMPTY_BLOCK,
  encodeHeaderBlock,
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
import type { CallerFrames } from "./caller-frames.ts";
import { encodeRequest } from "./encode-request.ts";
import type { OutgoingCalls } from "./outgoing-calls.ts";
import type { CallReply, OutgoingRequest, RunningCall, Settle } from "./outgoing-request.ts";
import { ReconnectGrace } from "./reconnect-grace.ts";
import type { RoutedCall, Try } from "./routed-call.ts";
import { refusedByRouter, sendError, tooLargeRequest } from "./routed-errors.ts";

/** The router ends a call at its deadline; the caller waits this much longer for its word, in ms. */
const DEADLINE_GRACE_MS = 25;
/** How often a call that provably did not start goes to another router. */
export const MAX_RESENDS = 5;
/** With no router to be had, or none that is not in doubt, a call is sent again after this, in ms, … */
const NO_ROUTER_RETRY_MS = 100;
/** … for so long at most, in ms: longer than the second a route reset lasts, on a machine that is busy as well. */
const NO_ROUTER_WAIT_MS = 4_500;
const NO_RESPONDERS = 503;
const EMPTY = new Uint8Array(0);

export interface RoutedPathOptions {
  readonly broker: Broker;
  readonly runtime: Runtime;
  readonly principal: string;
  /** Unique to this connection. */
  readonly connection: string;
  readonly routers: RouterDirectory;
  readonly outgoing: OutgoingCalls;
  /** Undefined: these credentials may send no frames; everything is relayed. */
  readonly frames: CallerFrames | undefined;
}

export class RoutedPath {
  readonly #options: RoutedPathOptions;
  readonly #inboxPrefix: string;
  readonly #pending: WaitingTable<KnownRouter, Try>;
  readonly #probes = new ProbeTable<KnownRouter>();
  #probeTimer: NodeJS.Timeout | undefined;
  readonly #grace: ReconnectGrace<RoutedCall>;

  constructor(options: RoutedPathOptions) {
    this.#options = options;
    this.#inboxPrefix = inboxSubject(options.principal, options.connection, "");
    this.#pending = new WaitingTable((current, loss) => this.#lost(current, loss));
    this.#grace = new ReconnectGrace(options.runtime.timers, (unsent) => {
      this.#failWaiting("the connection to the broker was lost while the call ran");
      for (const call of unsent) this.#end(call, sendError(new BrokerDisconnected()), undefined);
    });
  }

  start(): void {
    const { broker, principal, connection, frames } = this.#options;
    frames?.start((service, id) => this.#pending.get(id)?.call.request.service === service);
    broker.subscribe(subscriptions.inbox(principal, connection), (message) => this.#onMessage(message));
    broker.onStatus((status) => {
      if (status.type === "disconnected") this.#grace.begin(broker);
      if (status.type === "connected") this.#connected();
      if (status.type === "closed") this.#failAll("the connection to the broker was closed while the call ran");
    });
    this.#probeTimer = setInterval(() => this.#tick(), PROBE_TICK_MS);
    this.#probeTimer.unref();
  }

  /** What was on its way may have been lost, and its reply too: routers are asked at once. */
  #connected(): void {
    this.#pending.probeAll(this.#options.runtime.clock.nowMs(), (router, ids) => this.#probe(router, ids));
    for (const call of this.#grace.end() ?? []) this.#send(call);
  }

  stop(): void {
    clearInterval(this.#probeTimer);
    this.#options.frames?.stop();
    this.#failAll("this process closed its connection while the call ran");
  }

  /** Sends a request; `settle` is called exactly once, never before this returns. */
  call(request: OutgoingRequest, settle: Settle): RunningCall {
    const { clock, timers } = this.#options.runtime;
    const now = clock.nowMs();
    const remainingMs = request.deadlineAtMs - now;
    const frames = request.service === MESH_SERVICE ? undefined : this.#options.frames;
    const refusal = this.#refusal(request, frames, remainingMs);
    if (refusal !== undefined) {
      queueMicrotask(() => settle(refusal, undefined, 0, ""));
      return { cancel: () => undefined };
    }
    const call: RoutedCall = {
      request,
      firstSentAtMs: now,
      settle,
      deadlineTimer: undefined,
      resends: 0,
      current: undefined,
      frames,
      ended: false,
    };
    frames?.enter(request.service);
    call.deadlineTimer = timers.schedule(remainingMs + DEADLINE_GRACE_MS, () => {
      this.#giveUp(
        call,
        MeshError.of(
          "deadline",
          `${request.service}.${request.method} did not answer within ${Math.round(remainingMs)} ms`,
        ),
      );
    });
    this.#send(call);
    return { cancel: (error) => this.#giveUp(call, error) };
  }

  /** Why a call is not even begun; else it counts from now on. */
  #refusal(
    { service, payload }: OutgoingRequest,
    frames: CallerFrames | undefined,
    remainingMs: number,
  ): MeshError | undefined {
    if (remainingMs <= 0) return MeshError.of("deadline", "the deadline had passed before the call was sent");
    const tooLarge =
      frames?.takes(service, payload.length) === true
        ? frames.tooLarge(payload.length)
        : this.#tooLarge(payload.length);
    return tooLarge ?? this.#options.outgoing.begin(payload.length);
  }

  #giveUp(call: RoutedCall, error: MeshError): void {
    const { current } = call;
    if (current !== undefined && this.#forget(current)) this.#cancelAtRouter(current);
    this.#end(call, error, undefined);
  }

  #end(call: RoutedCall, error: MeshError | undefined, reply: CallReply | undefined): void {
    if (call.ended) return;
    call.ended = true;
    this.#options.outgoing.end(call.request.payload.length);
    this.#grace.release(call);
    call.frames?.leave(call.request.service);
    if (call.current !== undefined) call.frames?.close(call.current.id);
    if (call.deadlineTimer !== undefined) this.#options.runtime.timers.cancel(call.deadlineTimer);
    call.settle(error, reply, error?.attempts ?? 1, "");
  }

  #send(call: RoutedCall, except?: KnownRouter): void {
    if (call.ended) return;
    if (this.#grace.running) {
      this.#grace.hold(call);
      return;
    }
    const { broker, runtime, principal, connection, routers } = this.#options;
    const { request, frames } = call;
    const { service } = request;
    if (call.current !== undefined) frames?.close(call.current.id);
    const framedBytes = frames?.takes(service, request.payload.length) === true ? request.payload.length : undefined;
    const now = runtime.clock.nowMs();
    const router = routers.choose(runtime.random, except);
    const current: Try = {
      id: runtime.ids.next(),
      call,
      peer: router,
      repeatable: request.repeatable,
      sentAtMs: now,
      probedAtMs: 0,
      goneSinceMs: 0,
      parked: false,
    };
    call.current = current;
    try {
      const stream = frames === undefined ? undefined : { name: frames.nameOf(current.id), framedBytes };
      const { subject, headers } = encodeRequest(request, principal, router, runtime.clock, stream);
      const payload = framedBytes === undefined ? request.payload : EMPTY;
      const tooLarge = this.#tooLarge(payload.length + headers.length);
      if (tooLarge !== undefined) throw tooLarge;
      if (framedBytes !== undefined) frames?.hold(service, current.id, request.payload);
      broker.publish(subject, payload, inboxSubject(principal, connection, current.id), headers);
    } catch (thrown) {
      queueMicrotask(() => this.#end(call, sendError(thrown), undefined));
      return;
    }
    if (router !== undefined) router.inFlight++;
    this.#pending.add(current);
  }

  #tooLarge(bytes: number): MeshError | undefined {
    return tooLargeRequest(bytes, this.#options.broker.maxPayloadBytes);
  }

  #onMessage(message: BrokerMessage): void {
    const id = message.subject.slice(this.#inboxPrefix.length);
    const waiting = this.#pending.get(id);
    // Services may publish here without having been asked: what nobody waits for is not read.
    if (waiting === undefined && !this.#probes.has(id)) return;
    const headers = message.headers.length === 0 ? EMPTY_BLOCK : parseHeaderBlock(message.headers);
    if (waiting === undefined) {
      if (typeof headers !== "string") this.#onProbeReply(id, headers, message.payload);
      return;
    }
    // A notice is no answer; it carries nothing else.
    if (typeof headers !== "string" && headers.fields.length === 2 && headers.fields[0] === header.notice) {
      if (headers.fields[1] === "whole") this.#goWhole(waiting);
      else waiting.parked = headers.fields[1] === "parked";
      return;
    }
    this.#forget(waiting);
    const { call } = waiting;
    if (typeof headers === "string") {
      this.#end(call, MeshError.of("internal", `the reply cannot be read: ${headers}`), undefined);
      return;
    }
    if (headers.status === NO_RESPONDERS) {
      this.#nobodyThere(waiting);
      return;
    }
    const error = errorOfReply(headers, "router");
    // A router that drains or is full has not begun: another may.
    if (error !== undefined && refusedByRouter(error) && this.#elsewhere(waiting, error)) return;
    const framedBytes = error === undefined && message.payload.length === 0 ? framedReplyBytes(headers) : undefined;
    if (framedBytes === undefined || call.frames === undefined)
      this.#end(call, error, { headers, payload: message.payload });
    else
      call.frames.awaitReply(call.request.service, waiting.id, framedBytes, (lost, payload) => {
        if (lost !== undefined && call.request.repeatable && this.#resend(call)) return;
        this.#end(call, lost, payload === undefined ? undefined : { headers, payload });
      });
  }

  /** The router found somebody who takes no frames, and has begun nothing. */
  #goWhole(waiting: Try): void {
    const { call } = waiting;
    this.#forget(waiting);
    call.frames?.goWhole(call.request.service);
    this.#send(call);
  }

  /** The broker's 503 on the request itself: nothing ran, so it may always go elsewhere. */
  #nobodyThere({ call, peer }: Try): void {
    const { routers, runtime } = this.#options;
    const now = runtime.clock.nowMs();
    if (peer !== undefined) routers.suspect(peer.id, now);
    if (routers.hasUsable()) {
      this.#send(call);
      return;
    }
    if (now - call.firstSentAtMs < NO_ROUTER_WAIT_MS && this.#resendLater(call)) return;
    this.#end(
      call,
      MeshError.of("not-started", "no router is running; `malla up` or `malla router` starts one"),
      undefined,
    );
  }

  /** To another router than the one that refused. False if there is none: the same again would only add to its load. */
  #elsewhere({ call, peer }: Try, { reason }: MeshError): boolean {
    const { routers, runtime } = this.#options;
    if (reason === "overloaded" && peer !== undefined && routers.choose(runtime.random, peer) === undefined)
      return false;
    return this.#resend(call, peer);
  }

  /** To a router at once. False if it was sent too often already. */
  #resend(call: RoutedCall, except?: KnownRouter): boolean {
    if (call.resends >= MAX_RESENDS) return false;
    call.resends++;
    this.#send(call, except);
    return true;
  }

  /** To whichever router there is a little later. False if the deadline comes first. */
  #resendLater(call: RoutedCall): boolean {
    const { clock, timers } = this.#options.runtime;
    if (clock.nowMs() + NO_ROUTER_RETRY_MS >= call.request.deadlineAtMs) return false;
    timers.schedule(NO_ROUTER_RETRY_MS, () => this.#send(call));
    return true;
  }

  /** What its router had only parked has not started; the broker's word that the router is gone comes after its last one. */
  #lost({ call, peer, parked }: Try, loss: Loss): void {
    if (peer !== undefined) {
      peer.inFlight--;
      if (loss !== "unseen") this.#options.routers.suspect(peer.id, this.#options.runtime.clock.nowMs());
    }
    const mayResend = loss === "unseen" || parked || call.request.repeatable;
    if (mayResend && this.#resend(call)) return;
    const error =
      loss === "unseen"
        ? MeshError.of("not-started", "the request never reached a router")
        : MeshError.of("gone", "the router was lost while the call ran");
    this.#end(call, error, undefined);
  }

  #tick(): void {
    const { broker, runtime, routers } = this.#options;
    if (!broker.connected) return;
    const now = runtime.clock.nowMs();
    this.#pending.probeOld(now, (router, ids) => this.#probe(router, ids));
    // Who stood still himself cannot tell who was silent.
    if (runtime.stall.stalledWithin(SILENT_AFTER_MS)) return;
    for (const { peer, ids } of this.#probes.silent(now)) {
      routers.suspect(peer.id, now);
      if (routers.hasUsable()) this.#pending.peerSilent(peer, ids);
    }
  }

  #probe(router: KnownRouter, ids: readonly string[]): void {
    const { broker, runtime, principal, connection } = this.#options;
    const id = runtime.ids.next();
    this.#probes.add({ id, peer: router, ids, sentAtMs: runtime.clock.nowMs() });
    const headers = encodeHeaderBlock([header.probe, ids.join(",")]);
    broker.publish(
      viaSubject(router.id, principal, MESH_SERVICE, "probe"),
      EMPTY,
      inboxSubject(principal, connection, id),
      headers,
    );
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
    this.#options.routers.trust(probe.peer.id, now);
    const answer = decodeProbeAnswer(payload);
    if (answer !== undefined) this.#pending.probeAnswered(probe.peer, answer);
  }

  #forget(current: Try): boolean {
    if (!this.#pending.remove(current)) return false;
    if (current.peer !== undefined) current.peer.inFlight--;
    return true;
  }

  #cancelAtRouter(current: Try): void {
    const { broker, principal } = this.#options;
    if (current.peer === undefined || !broker.connected) return;
    broker.publish(cancelSubject(current.peer.id, principal, current.id), EMPTY);
  }

  /** Nobody can tell any more what became of these calls. */
  #failAll(message: string): void {
    for (const call of this.#grace.end() ?? []) this.#end(call, sendError(new BrokerDisconnected()), undefined);
    this.#failWaiting(message);
  }

  #failWaiting(message: string): void {
    for (const current of [...this.#pending.all()]) {
      this.#forget(current);
      this.#end(current.call, MeshError.of("gone", message), undefined);
    }
  }
}
