// Replies to direct calls that are too large for one message: they come in frames, on a stream that has the attempt's own id.
import type { AttemptTable, InstanceReply } from "../call/dispatch/attempt.ts";
import type { Exchange } from "../call/exchange.ts";
import { directStreamId, framedReplyBytes } from "../call/frames/handshake.ts";
import type { Runtime } from "../call/runtime.ts";
import { MeshError } from "../contract/index.ts";
import type { CallerFrames } from "./caller-frames.ts";
import type { CallReply, RunningCall } from "./outgoing-request.ts";

type Done = (error: MeshError | undefined, reply: CallReply | undefined) => void;

export class DirectFrames {
  readonly #frames: CallerFrames;
  readonly #runtime: Runtime;
  readonly #attempts: AttemptTable;
  /** Streams that were offered for attempts of calls under way. */
  readonly #streams = new Map<Exchange, string[]>();

  constructor(frames: CallerFrames, runtime: Runtime, attempts: AttemptTable) {
    this.#frames = frames;
    this.#runtime = runtime;
    this.#attempts = attempts;
  }

  start(): void {
    this.#frames.start((service, id) => this.#waits(service, id));
  }

  /** Whether a stream of this id belongs to an attempt that waits for this service. */
  #waits(service: string, id: string): boolean {
    const attempt = this.#attempts.get(directStreamId(id));
    if (attempt?.instance.service !== service) return false;
    const streams = this.#streams.get(attempt.exchange);
    if (streams === undefined) this.#streams.set(attempt.exchange, [id]);
    else streams.push(id);
    return true;
  }

  /** Calls `done` with the reply when its frames are here, once. Undefined, and `done` is not called: it is whole as it came. */
  awaitReply(exchange: Exchange, { attemptId, headers, payload }: InstanceReply, done: Done): RunningCall | undefined {
    const bytes = payload.length === 0 ? framedReplyBytes(headers) : undefined;
    if (bytes === undefined) return undefined;
    const { clock, timers } = this.#runtime;
    let ended = false;
    const once: Done = (error, reply) => {
      if (ended) return;
      ended = true;
      timers.cancel(deadline);
      this.ended(exchange);
      done(error, reply);
    };
    const deadline = timers.schedule(Math.max(0, exchange.deadlineAtMs - clock.nowMs()), () =>
      once(MeshError.of("deadline", "the reply had not come whole at the deadline", { origin: "sdk" }), undefined),
    );
    this.#frames.awaitReply(exchange.targetService, directStreamId(attemptId), bytes, (lost, whole) =>
      once(lost, whole === undefined ? undefined : { headers, payload: whole }),
    );
    return { cancel: (error) => once(error, undefined) };
  }

  /** The call has ended: what is under way for it is given up. */
  ended(exchange: Exchange): void {
    const streams = this.#streams.get(exchange);
    if (streams === undefined) return;
    this.#streams.delete(exchange);
    for (const id of streams) this.#frames.close(id);
  }
}
