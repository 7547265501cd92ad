// The caller's end of streams: requests that go in frames, and replies that come in frames, past the routers. A stream belongs to one
// try of a call and has its id. The instance that a router chose speaks first: its credit, or its offer, says where it is; the broker
// has proven its service, and nothing else of it is believed.
import type { Broker, BrokerMessage } from "../broker/broker.ts";
import { EndedStreams } from "../call/frames/ended-streams.ts";
import { MAX_WHOLE_BYTES } from "../call/frames/frame-bounds.ts";
import type { FramePool } from "../call/frames/frame-pool.ts";
import { FrameSender } from "../call/frames/frame-sender.ts";
import {
  encodeCredit,
  encodeFrame,
  encodeStreamCancel,
  type FrameMessage,
  readFrameMessage,
} from "../call/frames/frame-wire.ts";
import { IncomingPayload } from "../call/frames/incoming-payload.ts";
import { PayloadSource } from "../call/frames/payload-frames.ts";
import type { Runtime } from "../call/runtime.ts";
import { MeshError, parseFramesSubject, streamName } from "../contract/index.ts";
import type { ServiceInboxes } from "./service-inboxes.ts";
import { WholeServices } from "./whole-services.ts";

export interface CallerFramesOptions {
  readonly broker: Broker;
  readonly runtime: Runtime;
  readonly pool: FramePool;
  /** What comes there for a stream is to be given to `hear`. */
  readonly inboxes: ServiceInboxes;
  readonly principal: string;
  /** Unique to this connection. */
  readonly connection: string;
  /** Whether direct calls are answered there as well: an answer may come after its time, which is nobody's fault. */
  readonly answersComeToo?: boolean;
}

/** Called once with the whole reply, or with why it did not come. */
export type ReplyCame = (error: MeshError | undefined, payload: Uint8Array | undefined) => void;

/** The request of one try, held until the try ends. */
interface Outgoing {
  readonly payload: Uint8Array;
  attempt: number;
  subject: string;
  sender: FrameSender | undefined;
  frames: number;
  bytes: number;
}

/** The reply to one try, of the attempt that offered it last. */
interface Incoming {
  readonly attempt: number;
  readonly subject: string;
  readonly bytes: number;
  readonly transfer: IncomingPayload;
  payload: Uint8Array | undefined;
}

interface CallStream {
  readonly id: string;
  readonly service: string;
  request: Outgoing | undefined;
  reply: Incoming | undefined;
  /** Why the reply did not come, as long as no other attempt has offered one. */
  lost: string | undefined;
  /** The call has ended at its router; its reply's bytes are awaited. */
  awaited: ReplyCame | undefined;
}

const EMPTY = new Uint8Array(0);

export class CallerFrames {
  readonly #options: CallerFramesOptions;
  readonly #whole: WholeServices;
  readonly #streams = new Map<string, CallStream>();
  readonly #ended = new EndedStreams();
  readonly #waits: ((service: string, id: string) => boolean)[] = [];

  constructor(options: CallerFramesOptions) {
    this.#options = options;
    this.#whole = new WholeServices(options.runtime.clock);
  }

  /** `waits` tells whether a try of this id waits for an answer of that service: only such a one is offered a reply. */
  start(waits: (service: string, id: string) => boolean): void {
    this.#waits.push(waits);
  }

  /** Streams that are open now. */
  get size(): number {
    return this.#streams.size;
  }

  /** Listens to a service for a call, until `leave`. */
  enter(service: string): void {
    try {
      this.#options.inboxes.enter(service);
    } catch {
      // The connection was closed: the call hears so when it is sent.
    }
  }

  leave(service: string): void {
    this.#options.inboxes.leave(service);
  }

  /** Whether a request of this size goes in frames. */
  takes(service: string, bytes: number): boolean {
    return bytes > MAX_WHOLE_BYTES && !this.#whole.has(service);
  }

  tooLarge(bytes: number): MeshError | undefined {
    return this.#options.pool.tooLarge("request", bytes, "sdk");
  }

  /** Whoever serves this now takes no frames: for a while its requests are sent whole. */
  goWhole(service: string): void {
    this.#whole.add(service);
  }

  /** The stream of a try, as its header names it. */
  nameOf(id: string): string {
    return streamName(this.#options.connection, id);
  }

  /** Holds a request until `close`: whoever is handed the stream asks for it. */
  hold(service: string, id: string, payload: Uint8Array): void {
    const request = { payload, attempt: 0, subject: "", sender: undefined, frames: 0, bytes: 0 };
    this.#streams.set(id, { ...this.#create(service, id), request });
  }

  /** The router's word that a call has ended well and that its reply has so many bytes. */
  awaitReply(service: string, id: string, bytes: number, came: ReplyCame): void {
    const stream = this.#streams.get(id) ?? this.#create(service, id);
    this.#streams.set(id, stream);
    stream.awaited = came;
    if (stream.reply === undefined) this.#lost(stream, stream.lost ?? "nobody has offered it");
    else if (stream.reply.bytes !== bytes) this.#lost(stream, "it has another size than was offered");
    else this.#cameWhole(stream);
  }

  /** The try has ended: what is under way for it is given up. */
  close(id: string): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    this.#streams.delete(id);
    this.#ended.add(id);
    const { request, reply } = stream;
    if (request !== undefined) this.#count(stream.service, "sent", request.frames, request.bytes);
    if (reply === undefined) return;
    if (!reply.transfer.isComplete) this.#publish(reply.subject, encodeStreamCancel(reply.attempt));
    this.#endReply(stream);
  }

  /** Fails what is awaited, gives up everything. */
  stop(): void {
    for (const stream of [...this.#streams.values()]) {
      this.#lost(stream, "this process closed its connection");
      this.close(stream.id);
    }
  }

  /** What some instance of `service` has published to this connection, or the broker in answer to what was said to it. */
  hear(service: string, id: string, message: BrokerMessage): void {
    const read = readFrameMessage(message.headers);
    if (this.#isLateAnswer(id, read)) return;
    const problem = typeof read === "string" ? read : this.#take(service, id, read, message);
    if (problem === undefined) return;
    this.#options.runtime.refusals.refused({ stage: "frames", reason: "bad-request", principal: service, problem });
  }

  #isLateAnswer(id: string, read: FrameMessage | string): boolean {
    if (this.#options.answersComeToo !== true || this.#streams.has(id)) return false;
    return typeof read === "string" || read.type === "unheard";
  }

  /** Returns why it is refused. */
  #take(service: string, id: string, read: FrameMessage, { reply, payload }: BrokerMessage): string | undefined {
    let stream = this.#streams.get(id);
    if (stream === undefined) {
      if (this.#ended.has(id)) return this.#late(service, read, id, reply);
      if (read.type !== "offer" || !this.#waits.some((waits) => waits(service, id)))
        return "a message for a stream that no call of ours has";
      stream = this.#create(service, id);
      this.#streams.set(id, stream);
    }
    if (stream.service !== service) return "a message for a stream of another service";
    switch (read.type) {
      case "frame":
        return this.#frame(stream, read, payload);
      case "credit":
        return this.#isOf(stream, reply) ? this.#credit(stream, read, reply) : NOT_ITS_SUBJECT;
      case "offer":
        return this.#isOf(stream, reply) ? this.#offer(stream, read, reply) : NOT_ITS_SUBJECT;
      case "unheard":
        if (read.subject === undefined || read.subject === stream.reply?.subject) stream.reply?.transfer.unheard();
        return undefined;
      default:
        return "a cancel, which is the caller's";
    }
  }

  /** The subject on which an instance says it listens must be that of this very stream. */
  #isOf({ service, id }: Pick<CallStream, "service" | "id">, subject: string): boolean {
    const target = parseFramesSubject(subject);
    return (
      target?.service === service && target.principal === this.#options.principal && target.stream === this.nameOf(id)
    );
  }

  #frame(
    stream: CallStream,
    { attempt, seq, last }: FrameMessage & { readonly type: "frame" },
    payload: Uint8Array,
  ): string | undefined {
    const { reply } = stream;
    if (reply === undefined || attempt > reply.attempt) return "a frame where none is awaited";
    if (attempt < reply.attempt) return this.#countLate();
    return reply.transfer.frame(seq, payload, last) === "beyond" ? "a frame beyond what was granted" : undefined;
  }

  #credit(
    stream: CallStream,
    { attempt, credit }: FrameMessage & { readonly type: "credit" },
    subject: string,
  ): string | undefined {
    const { request } = stream;
    if (request === undefined) return "a credit for a request that is not sent in frames";
    if (attempt < request.attempt) return this.#countLate();
    if (attempt > request.attempt) {
      // The router has tried it at another instance, which has nothing of it yet.
      request.attempt = attempt;
      request.subject = subject;
      request.sender = new FrameSender(new PayloadSource(request.payload), {
        send: (seq, frame, last) => this.#sendFrame(request, attempt, seq, frame, last),
      });
    } else if (subject !== request.subject) return "a credit of an instance that was not handed this attempt";
    return request.sender?.credit(credit, this.#options.runtime.clock.nowMs());
  }

  #sendFrame(request: Outgoing, attempt: number, seq: number, frame: Uint8Array, last: boolean): boolean {
    const { broker } = this.#options;
    if (!broker.connected) return false;
    broker.publish(request.subject, frame, undefined, encodeFrame(attempt, seq, last));
    request.frames++;
    request.bytes += frame.length;
    return true;
  }

  #offer(
    stream: CallStream,
    { attempt, bytes }: FrameMessage & { readonly type: "offer" },
    subject: string,
  ): string | undefined {
    const { pool, runtime } = this.#options;
    const { service, reply: known } = stream;
    if (known !== undefined && attempt < known.attempt) {
      // It would be held for nothing.
      this.#publish(subject, encodeStreamCancel(attempt));
      return this.#countLate();
    }
    if (known?.attempt === attempt) {
      if (known.subject !== subject) return "an offer of an instance that was not handed this attempt";
      known.transfer.asked();
      return undefined;
    }
    const tooLarge = pool.tooLarge("reply", bytes, "sdk");
    if (tooLarge !== undefined) {
      stream.lost = tooLarge.message;
      this.#publish(subject, encodeStreamCancel(attempt));
      return undefined;
    }
    // It is offered again in a moment, when there may be room.
    if (pool.refusal(service, bytes, "sdk") !== undefined) return undefined;
    this.#endReply(stream);
    const reply: Incoming = {
      attempt,
      subject,
      bytes,
      payload: undefined,
      transfer: new IncomingPayload({
        runtime,
        pool,
        peer: service,
        bytes,
        grant: (credit) =>
          this.#publish(subject, encodeCredit(attempt, credit), this.#options.inboxes.subject(service, stream.id)),
        done: (payload) => {
          reply.payload = payload;
          this.#cameWhole(stream);
        },
        failed: (problem) => {
          if (stream.reply === reply) this.#lost(stream, problem);
        },
      }),
    };
    stream.reply = reply;
    stream.lost = undefined;
    reply.transfer.start();
    return undefined;
  }

  #cameWhole({ awaited, reply }: CallStream): void {
    if (awaited !== undefined && reply?.payload !== undefined) awaited(undefined, reply.payload);
  }

  /** As long as the router has not said that the call has ended, another attempt may offer it again. */
  #lost(stream: CallStream, why: string): void {
    stream.lost = why;
    this.#endReply(stream);
    stream.awaited?.(MeshError.of("gone", `the reply was lost on its way: ${why}`), undefined);
  }

  #endReply(stream: CallStream): void {
    const { reply, service } = stream;
    if (reply === undefined) return;
    stream.reply = undefined;
    this.#count(service, "received", reply.transfer.frames, reply.transfer.arrivedBytes);
    reply.transfer.close();
  }

  /** Who offers what nobody wants any more is told so, or it would be held for nothing. */
  #late(service: string, read: FrameMessage, id: string, reply: string): undefined {
    if (read.type === "offer" && this.#isOf({ service, id }, reply))
      this.#publish(reply, encodeStreamCancel(read.attempt));
    return this.#countLate();
  }

  #countLate(): undefined {
    this.#options.runtime.telemetry.rejected("frames-ended", "bad-request");
  }

  #create(service: string, id: string): CallStream {
    return { id, service, request: undefined, reply: undefined, lost: undefined, awaited: undefined };
  }

  #publish(subject: string, headers: Uint8Array, reply?: string): void {
    const { broker } = this.#options;
    if (broker.connected) broker.publish(subject, EMPTY, reply, headers);
  }

  #count(service: string, direction: "sent" | "received", frames: number, bytes: number): void {
    if (frames > 0) this.#options.runtime.telemetry.framesMoved("caller", service, direction, frames, bytes);
  }
}

const NOT_ITS_SUBJECT = "a reply subject that is not of this stream";
