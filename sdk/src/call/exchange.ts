// One call's state, at whoever carries it: a router, or a caller on the direct path. All fields are set at once, so that
// every exchange has the same shape.
import type { HeaderBlock, Priority } from "../contract/index.ts";
import type { CompiledRoute, Policy, ServiceSettings } from "../engine/index.ts";
import type { Span, TraceContext } from "../telemetry/port.ts";

export interface Exchange {
  /** Who calls, as the broker has proven it. */
  readonly principal: string;
  /** What was called; `targetService` and `targetMethod` are what it became by a rewrite. */
  readonly service: string;
  readonly method: string;
  /** Service as metrics name it: `_OTHER` if nobody had announced it when the call came. */
  readonly label: string;
  /** Last token of the reply subject, by which the caller names this call in a cancel or a probe. */
  readonly callId: string;
  /** Where the answer goes; empty for a one-way call. */
  readonly reply: string;
  /** Its caller picked this router, waits for it, and can be told how the call stands. */
  readonly via: boolean;
  readonly headers: HeaderBlock;
  readonly payload: Uint8Array;
  readonly startedAtMs: number;
  deadlineAtMs: number;
  /** Time it spent before it was read, as far as is known, in ms. */
  readonly lostMs: number;
  /** What the caller gave, in ms; undefined if it said nothing. */
  readonly timeoutMs: number | undefined;
  readonly priority: Priority;
  readonly key: string | undefined;
  readonly idempotencyKey: string | undefined;
  /** As in `RequestFacts`: by these the payloads may travel past whoever carries the call. */
  readonly stream: string | undefined;
  readonly framedBytes: number | undefined;
  /** Trace context as it came. */
  readonly parent: TraceContext | undefined;
  readonly span: Span | undefined;
  /** Headers for every attempt, name and value in turn: the caller's own, without those the mesh owns. */
  readonly forwarded: readonly string[];
  /** The same for all attempts, for logs; never the correlation id. Drawn when the first attempt is sent. */
  requestId: string;
  readonly policy: Policy;
  settings: ServiceSettings;
  route: CompiledRoute | undefined;
  targetService: string;
  targetMethod: string;
  idempotent: boolean;
  /** Attempts sent to instances so far. */
  attempts: number;
  /** Version of the instance that answered last. */
  version: string;
  ended: boolean;
}
