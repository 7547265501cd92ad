// A call that an instance has admitted, from there to its answer: its request may still be on its way in frames, and its reply may
// go in frames. arrive → run → answer.
import type { Broker, BrokerMessage } from "../broker/broker.ts";
import { Ambient, runWithin } from "../call/ambient.ts";
import { MAX_WHOLE_BYTES } from "../call/frames/frame-bounds.ts";
import type { FramePool } from "../call/frames/frame-pool.ts";
import { directStream } from "../call/frames/handshake.ts";
import type { OfferEnd } from "../call/frames/offered-payload.ts";
import { LazyAbort } from "../call/lazy-abort.ts";
import type { RequestFacts } from "../call/open.ts";
import type { Payload } from "../call/payload.ts";
import { encodeFields, errorFields } from "../call/respond.ts";
import type { Runtime } from "../call/runtime.ts";
import {
  type AttemptTarget,
  encodeHeaderBlock,
  formatLoad,
  header,
  headerValue,
  MeshError,
  type ReportedLoad,
} from "../contract/index.ts";
import type { Span } from "../telemetry/port.ts";
import { attribute, rpcSpan } from "../telemetry/rpc-semantics.ts";
import { createCallContext } from "./create-call-context.ts";
import { type Endpoint, impliedContentType } from "./endpoint.ts";
import type { EndpointStats } from "./endpoint-stats.ts";
import type { InstanceFrames, StreamEnd, Transfer } from "./instance-frames.ts";
import { isThenable } from "./is-thenable.ts";
import type { RunningCalls } from "./running-calls.ts";
import type { ServedEndpoint } from "./served-endpoint.ts";
import { thrownError, unencodable } from "./thrown-error.ts";
import { tooLargeReply } from "./too-large-reply.ts";

export interface CallRunnerOptions {
  readonly broker: Broker;
  readonly runtime: Runtime;
  readonly instance: string;
  readonly version: string;
  readonly calls: RunningCalls;
  readonly frames: InstanceFrames;
  readonly pool: FramePool;
  readonly load: () => ReportedLoad;
  /** Answers what did not begin. */
  readonly refuse: (message: BrokerMessage, error: MeshError) => void;
}

export interface AdmittedCall {
  readonly message: BrokerMessage;
  readonly target: AttemptTarget;
  readonly id: string;
  readonly facts: RequestFacts;
  readonly remainingMs: number;
}

type Phase = "arriving" | "running" | "answering" | "ended";

const WHILE: Readonly<Record<Phase, string>> = {
  arriving: "the request was on its way",
  running: "the handler ran",
  answering: "the reply was on its way",
  ended: "nothing was left to do",
};

const EMPTY = new Uint8Array(0);

export class CallRunner {
  readonly #options: CallRunnerOptions;

  constructor(options: CallRunnerOptions) {
    this.#options = options;
  }

  run(served: ServedEndpoint, admitted: AdmittedCall): void {
    const { message, target, id, facts, remainingMs } = admitted;
    const { runtime, calls } = this.#options;
    const { endpoint, stats } = served;
    const { clock, timers, telemetry } = runtime;
    let phase: Phase = "arriving";
    let goneOn: (() => void) | undefined;
    let answer: Transfer | undefined;
    /** What the request's bytes say of their type, where no header does. */
    let implied: string | undefined;
    const request = this.#awaitRequest(
      admitted,
      (payload) => handle(payload),
      (error) => end(error, undefined),
    );
    if (request instanceof MeshError) {
      this.#options.refuse(message, request);
      return;
    }
    const startedAtMs = clock.nowMs();
    const abort = new LazyAbort();
    const deadlineTimer = timers.schedule(remainingMs, () => call.abort("deadline"));
    const { name, attributes } = rpcSpan(target.service, target.method);
    const span = telemetry.tracer?.startSpan(name, "server", facts.parent, attributes);
    span?.setAttribute(attribute.instance, this.#options.instance);
    /** `said` is the answer; without one the error is, or the call is one-way. */
    const end = (error: MeshError | undefined, said: Said | undefined): void => {
      if (phase === "ended") return;
      phase = "ended";
      timers.cancel(deadlineTimer);
      try {
        if (message.reply !== "") this.#answer(admitted, error, said);
      } catch (thrown) {
        // A connection that was closed this instant: nobody can be answered, but the call has ended all the same.
        telemetry.log.warn(
          { err: thrown, service: target.service, method: target.method },
          "a reply could not be sent",
        );
      }
      request?.close();
      calls.end(id);
      this.#record(stats, target, error, clock.nowMs() - startedAtMs, span);
    };
    const finish = (error: MeshError | undefined, value: unknown): void => {
      if (phase === "ended") {
        // The handler has ended after its call.
        goneOn?.();
        return;
      }
      phase = "answering";
      if (error !== undefined || message.reply === "") {
        end(error, undefined);
        return;
      }
      const encoded = encode(endpoint, implied, facts, value);
      if (encoded instanceof MeshError) end(encoded, undefined);
      else answer = this.#send(admitted, encoded, end);
    };
    const call = {
      id,
      abort: (reason: "cancelled" | "deadline"): void => {
        const isRunning = phase === "running";
        const text = reason === "deadline" ? `the deadline passed while ${WHILE[phase]}` : "the caller gave up";
        const error = MeshError.of(reason, text, { origin: "instance" });
        abort.abort(error);
        answer?.close();
        end(error, undefined);
        if (isRunning) goneOn = served.abandon();
      },
    };
    calls.start(call);
    telemetry.callStarted("instance", target.service);
    const context = createCallContext(runtime, target, facts, abort, startedAtMs + remainingMs, span);
    const trace = span?.context ?? facts.parent ?? telemetry.tracer?.unsampledRoot();
    const baggage = headerValue(facts.headers, header.baggage);
    const ambient = new Ambient(startedAtMs + remainingMs, abort, trace, baggage, facts.priority);
    const handle = (payload: Uint8Array): void => {
      phase = "running";
      implied = impliedContentType(payload);
      runWithin(ambient, () => {
        try {
          const decoded = endpoint.decode(payload, headerValue(facts.headers, header.contentType));
          const run = (): unknown => endpoint.handler(decoded, context);
          const result =
            span === undefined || telemetry.tracer?.within === undefined ? run() : telemetry.tracer.within(span, run);
          if (isThenable(result))
            result.then(
              (value) => finish(undefined, value),
              (thrown: unknown) => finish(thrownError(thrown), undefined),
            );
          else finish(undefined, result);
        } catch (thrown) {
          finish(thrownError(thrown), undefined);
        }
      });
    };
    if (request === undefined) handle(message.payload);
  }

  /** Undefined: the request is in the message. A MeshError: its frames cannot be taken. */
  #awaitRequest(
    { facts, target, message }: AdmittedCall,
    done: (payload: Uint8Array) => void,
    failed: (error: MeshError) => void,
  ): Transfer | MeshError | undefined {
    const stream = streamOf(facts, target, message.reply);
    if (facts.framedBytes === undefined || stream === undefined) return undefined;
    return this.#options.frames.receive(stream, facts.framedBytes, done, failed);
  }

  /** Answers whole, or in frames where the caller can take them and it is worth it. Returns what is under way then. */
  #send({ facts, target, message }: AdmittedCall, reply: Payload, end: End): Transfer | undefined {
    const { broker, frames, pool } = this.#options;
    const { bytes, contentType } = reply;
    const whole = (): Said => ({ payload: bytes, headers: this.#headers(contentType) });
    const stream = bytes.length > MAX_WHOLE_BYTES ? streamOf(facts, target, message.reply) : undefined;
    const limit = broker.maxPayloadBytes;
    const sendWhole = (): void => {
      const said = whole();
      const error = tooLargeReply(said.payload.length + said.headers.length, limit);
      end(error, error === undefined ? said : undefined);
    };
    if (stream === undefined) {
      sendWhole();
      return undefined;
    }
    const tooLarge = pool.tooLarge("reply", bytes.length, "instance");
    if (tooLarge !== undefined) {
      end(tooLarge, undefined);
      return undefined;
    }
    const framed = [header.bytes, String(bytes.length)];
    const transfer = frames.offer(stream, bytes, bytes.length + this.#headers(contentType).length <= limit, {
      sentAll: () => end(undefined, { payload: EMPTY, headers: this.#headers(contentType, framed) }),
      failed: (why) => (why === "unheard" ? sendWhole() : end(lostCaller(why), undefined)),
    });
    if (transfer === undefined) sendWhole();
    return transfer;
  }

  #headers(contentType: string, more: readonly string[] = []): Uint8Array {
    return encodeHeaderBlock([header.contentType, contentType, header.load, formatLoad(this.#options.load()), ...more]);
  }

  #answer(admitted: AdmittedCall, error: MeshError | undefined, said: Said | undefined): void {
    if (said !== undefined) {
      this.#reply(admitted, said.payload, said.headers);
      return;
    }
    if (error === undefined) return;
    const fields = errorFields(error, 1);
    fields.push(header.load, formatLoad(this.#options.load()));
    this.#reply(admitted, EMPTY, encodeFields(fields));
  }

  /** While the connection is down nothing is sent: the reply is kept and sent again after. */
  #reply({ id, message, target }: AdmittedCall, payload: Uint8Array, headers: Uint8Array): void {
    const { broker, calls, runtime } = this.#options;
    calls.finished.keep(id, message.reply, payload, headers, runtime.clock.nowMs(), target.principal);
    if (broker.connected) broker.publish(message.reply, payload, undefined, headers);
  }

  #record(
    stats: EndpointStats,
    target: AttemptTarget,
    error: MeshError | undefined,
    durationMs: number,
    span: Span | undefined,
  ): void {
    stats.ended(durationMs, error);
    const { telemetry } = this.#options.runtime;
    const code = error?.status ?? "OK";
    const reason = error?.reason ?? "";
    span?.end(code, reason);
    telemetry.callEnded({
      reporter: "instance",
      caller: target.principal,
      service: target.service,
      method: target.method,
      version: this.#options.version,
      code,
      reason,
      durationMs,
      attempts: 1,
    });
    if (error?.reason === "handler") {
      telemetry.log.error(
        { err: error.cause ?? error, service: target.service, method: target.method, principal: target.principal },
        "a handler threw",
      );
    }
  }
}

/** What stands in the message that answers. */
interface Said {
  readonly payload: Uint8Array;
  readonly headers: Uint8Array;
}

type End = (error: MeshError | undefined, said: Said | undefined) => void;

function encode(
  endpoint: Endpoint,
  implied: string | undefined,
  facts: RequestFacts,
  value: unknown,
): Payload | MeshError {
  try {
    return endpoint.encode(value, headerValue(facts.headers, header.contentType) ?? implied);
  } catch (thrown) {
    return unencodable(thrown);
  }
}

function streamOf(facts: RequestFacts, { kind, principal }: AttemptTarget, reply: string): StreamEnd | undefined {
  const { headers } = facts;
  const stream = kind === "direct" ? directStream(reply) : facts.stream;
  if (stream === undefined) return undefined;
  const attempt = headerValue(headers, header.attempt);
  return { principal, stream, attempt: attempt !== undefined && /^\d{1,4}$/.test(attempt) ? Number(attempt) : 1 };
}

function lostCaller(why: OfferEnd): MeshError {
  const text =
    why === "gone" ? "the caller is gone: the reply could not be brought to it" : "the caller wants no reply";
  return MeshError.of("cancelled", text, { origin: "instance" });
}
