// The instance's end of streams: requests that come in frames, and replies that go in frames, past the router that made the
// handshake. It listens to a caller's frames only while a stream of that caller is open (attack 12), and takes nothing from a
// message but numbers: who sends is in the subject, where answers go follows from it.
import type { Broker, BrokerMessage, BrokerSubscription } from "../broker/broker.ts";
import { EndedStreams } from "../call/frames/ended-streams.ts";
import type { FramePool } from "../call/frames/frame-pool.ts";
import {
  encodeCredit,
  encodeFrame,
  encodeOffer,
  type FrameMessage,
  readFrameMessage,
} from "../call/frames/frame-wire.ts";
import { IncomingPayload } from "../call/frames/incoming-payload.ts";
import { type OfferEnd, OfferedPayload } from "../call/frames/offered-payload.ts";
import type { Runtime } from "../call/runtime.ts";
import {
  framesSubject,
  MeshError,
  parseStream,
  provenPrincipal,
  serviceInboxSubject,
  subscriptions,
} from "../contract/index.ts";

export interface InstanceFramesOptions {
  readonly broker: Broker;
  readonly runtime: Runtime;
  readonly pool: FramePool;
  readonly service: string;
  readonly instance: string;
}

/** One end of a stream, as a router handed it to this instance. */
export interface StreamEnd {
  readonly principal: string;
  readonly stream: string;
  readonly attempt: number;
}

/** What is under way in one direction. `close` gives it up; calling it twice does nothing. */
export interface Transfer {
  close(): void;
}

export interface OfferEvents {
  /** The last frame is on its way, or has arrived. */
  readonly sentAll: () => void;
  /** It ends before that. */
  readonly failed: (why: OfferEnd) => void;
}

interface OpenStream extends StreamEnd {
  /** Where the caller's frames and credits come, and the broker's word on what was said to it. */
  readonly subject: string;
  readonly inbox: string;
  incoming: IncomingPayload | undefined;
  offered: OfferedPayload | undefined;
  /** Ends what is under way, since the router has tried the call again. */
  readonly giveUp: (() => void)[];
}

interface Listening {
  readonly subscription: BrokerSubscription;
  streams: number;
}

export class InstanceFrames {
  readonly #options: InstanceFramesOptions;
  /** By the subject of their frames. */
  readonly #streams = new Map<string, OpenStream>();
  readonly #ended = new EndedStreams();
  readonly #principals = new Map<string, Listening>();
  #idle: (() => void)[] = [];

  constructor(options: InstanceFramesOptions) {
    this.#options = options;
  }

  /** Streams that are open now. */
  get size(): number {
    return this.#streams.size;
  }

  /**
   * Takes a request of `bytes`. `done` and `failed` are called once at most, after the read chunk. Returns why it is not taken
   * otherwise: nothing has begun.
   */
  receive(
    end: StreamEnd,
    bytes: number,
    done: (payload: Uint8Array) => void,
    failed: (error: MeshError) => void,
  ): Transfer | MeshError {
    const { pool, runtime } = this.#options;
    const refusal = pool.tooLarge("request", bytes, "instance") ?? pool.refusal(end.principal, bytes, "instance");
    if (refusal !== undefined) return refusal;
    const open = this.#open(end);
    if (open === undefined || open.incoming !== undefined) return streamInUse();
    let closed = false;
    const incoming = new IncomingPayload({
      runtime,
      pool,
      peer: end.principal,
      bytes,
      grant: (credit) => this.#say(open, encodeCredit(end.attempt, credit)),
      // As other calls: after the read chunk, so that a cancel in it finds the call unstarted.
      done: (payload) => setImmediate(() => closed || done(payload)),
      failed: (problem) => fail(problem),
    });
    const fail = (problem: string): void => {
      close();
      failed(MeshError.of("cancelled", `the request did not come whole: ${problem}`, { origin: "instance" }));
    };
    const close = (): void => {
      if (closed) return;
      closed = true;
      this.#count("received", incoming.frames, incoming.arrivedBytes);
      incoming.close();
      open.incoming = undefined;
      this.#closeIfUnused(open);
    };
    open.incoming = incoming;
    open.giveUp.push(() => open.incoming === incoming && fail("it was given up"));
    incoming.start();
    return { close };
  }

  /** Offers a reply. Undefined: its stream is in use for another one. */
  offer(to: StreamEnd, payload: Uint8Array, hasOtherWay: boolean, events: OfferEvents): Transfer | undefined {
    const { pool, runtime } = this.#options;
    const open = this.#open(to);
    if (open === undefined || open.offered !== undefined) return undefined;
    let saidAll = false;
    const close = (): void => {
      if (open.offered !== offered) return;
      this.#count("sent", offered.frames, offered.sentBytes);
      open.offered = undefined;
      offered.close();
      this.#closeIfUnused(open);
    };
    const offered = new OfferedPayload({
      runtime,
      pool,
      peer: to.principal,
      payload,
      hasOtherWay,
      offer: () => this.#say(open, encodeOffer(to.attempt, payload.length)),
      send: (seq, frame, last) => this.#send(open, encodeFrame(to.attempt, seq, last), frame),
      sentAll: () => {
        // Who holds too much already has its call end when the reply has arrived: so calls, which are bounded, bound it.
        if (!pool.isOver(to.principal)) sayAll();
      },
      ended: (why) => end(why),
    });
    const sayAll = (): void => {
      saidAll = true;
      events.sentAll();
    };
    const end = (why: OfferEnd | undefined): void => {
      close();
      if (saidAll) return;
      if (why === undefined) sayAll();
      else events.failed(why);
    };
    open.offered = offered;
    open.giveUp.push(() => open.offered === offered && end("gone"));
    offered.start();
    return { close };
  }

  /** Resolves when no stream is open. */
  async whenIdle(): Promise<void> {
    if (this.#streams.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** The connection has been closed: everything is given up, nobody is told. */
  stop(): void {
    for (const { giveUp } of [...this.#streams.values()]) for (const end of giveUp) end();
  }

  /** A stream for both directions of one attempt. Undefined: another call has it. */
  #open({ principal, stream, attempt }: StreamEnd): OpenStream | undefined {
    const { service, instance } = this.#options;
    const subject = framesSubject(service, instance, principal, stream);
    const known = this.#streams.get(subject);
    if (known !== undefined && known.attempt >= attempt) return known.attempt === attempt ? known : undefined;
    for (const giveUp of known?.giveUp ?? []) giveUp();
    const parts = parseStream(stream);
    if (parts === undefined) return undefined;
    const inbox = serviceInboxSubject(principal, service, parts.connection, parts.id);
    const nothing = { incoming: undefined, offered: undefined, giveUp: [] };
    const open: OpenStream = { principal, stream, attempt, subject, inbox, ...nothing };
    this.#streams.set(subject, open);
    this.#listen(principal);
    return open;
  }

  #closeIfUnused(open: OpenStream): void {
    if (open.incoming !== undefined || open.offered !== undefined || !this.#streams.delete(open.subject)) return;
    this.#ended.add(open.subject);
    this.#listenNoMore(open.principal);
    if (this.#streams.size > 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }

  #listen(principal: string): void {
    const { broker, service, instance } = this.#options;
    const listening = this.#principals.get(principal);
    if (listening !== undefined) listening.streams++;
    else {
      const subject = subscriptions.frames(service, instance, principal);
      const subscription = broker.subscribe(subject, (message) => this.#hear(message));
      this.#principals.set(principal, { subscription, streams: 1 });
    }
  }

  #listenNoMore(principal: string): void {
    const listening = this.#principals.get(principal);
    if (listening === undefined || --listening.streams > 0) return;
    listening.subscription.unsubscribe();
    this.#principals.delete(principal);
  }

  #hear(message: BrokerMessage): void {
    const open = this.#streams.get(message.subject);
    if (open === undefined) {
      this.#unopened(message.subject);
      return;
    }
    const read = readFrameMessage(message.headers);
    const problem = typeof read === "string" ? read : this.#take(open, read, message.payload);
    if (problem !== undefined) this.#refuse(message.subject, problem);
  }

  /** Returns why it is refused. */
  #take(open: OpenStream, message: FrameMessage, payload: Uint8Array): string | undefined {
    if (message.type === "unheard") {
      if (message.subject !== undefined && message.subject !== open.inbox)
        return "a 503 that is not on what was said here";
      open.incoming?.unheard();
      open.offered?.unheard();
      return undefined;
    }
    if (message.attempt !== open.attempt) return this.#late();
    if (message.type === "frame") {
      if (open.incoming === undefined) return "a frame where none is awaited";
      return open.incoming.frame(message.seq, payload, message.last) === "beyond"
        ? "a frame beyond what was granted"
        : undefined;
    }
    if (message.type === "offer" || open.offered === undefined)
      return `a stream's ${message.type} where none is awaited`;
    if (message.type === "credit") return open.offered.credit(message.credit);
    open.offered.refused();
    return undefined;
  }

  #unopened(subject: string): void {
    if (this.#ended.has(subject)) this.#late();
    else this.#refuse(subject, "a message for a stream that no router has handed to this instance");
  }

  #late(): undefined {
    this.#options.runtime.telemetry.rejected("frames-ended", "bad-request");
  }

  #refuse(subject: string, problem: string): void {
    const principal = provenPrincipal(subject);
    this.#options.runtime.refusals.refused({ stage: "frames", reason: "bad-request", principal, problem });
  }

  #say(open: OpenStream, headers: Uint8Array): void {
    const { broker } = this.#options;
    if (broker.connected) broker.publish(open.inbox, EMPTY, open.subject, headers);
  }

  #send(open: OpenStream, headers: Uint8Array, frame: Uint8Array): boolean {
    const { broker } = this.#options;
    if (!broker.connected) return false;
    broker.publish(open.inbox, frame, undefined, headers);
    return true;
  }

  #count(direction: "sent" | "received", frames: number, bytes: number): void {
    const { runtime, service } = this.#options;
    if (frames > 0) runtime.telemetry.framesMoved("instance", service, direction, frames, bytes);
  }
}

const EMPTY = new Uint8Array(0);

function streamInUse(): MeshError {
  return MeshError.of("bad-request", "the stream of this call is another call's", { origin: "instance" });
}
