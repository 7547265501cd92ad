// One call as an application made it, before it is known which way it goes.
import type { HeaderBlock, MeshError } from "../contract/index.ts";
import type { Span, TraceContext } from "../telemetry/port.ts";

export interface OutgoingRequest {
  readonly service: string;
  readonly method: string;
  readonly payload: Uint8Array;
  /** Name and value in turn; without deadline and trace, which are written when the request is sent. */
  readonly fields: readonly string[];
  readonly deadlineAtMs: number;
  /** Whether doing it twice does no harm, as far as the caller knows. */
  readonly repeatable: boolean;
  /** It asks for what routers alone can give: an idempotency key, an end user. */
  readonly needsRouter: boolean;
  /** The call's own span, if it is sampled. */
  readonly span: Span | undefined;
  /** Trace context for whoever works under this call. */
  readonly trace: TraceContext | undefined;
}

export interface CallReply {
  readonly headers: HeaderBlock;
  readonly payload: Uint8Array;
}

/** How a call ended: `reply` is set for a success. Attempts, and the version that answered, as far as the caller knows them. */
export type Settle = (
  error: MeshError | undefined,
  reply: CallReply | undefined,
  attempts: number,
  version: string,
) => void;

/** A call under way, for whoever may want to give up. */
export interface RunningCall {
  cancel(error: MeshError): void;
}
