// A call on the routed path, and its tries at routers.
import type { Timer } from "../call/timer-wheel.ts";
import type { Waiting } from "../call/waiting-table.ts";
import type { KnownRouter } from "../discovery/router-directory.ts";
import type { CallerFrames } from "./caller-frames.ts";
import type { OutgoingRequest, Settle } from "./outgoing-request.ts";

/** One call with all its tries; the try that waits now is `current`. */
export interface RoutedCall {
  readonly request: OutgoingRequest;
  readonly firstSentAtMs: number;
  readonly settle: Settle;
  deadlineTimer: Timer | undefined;
  /** Tries that provably did not start and went elsewhere. */
  resends: number;
  current: Try | undefined;
  /** By which its payloads may go in frames; undefined where none can. */
  readonly frames: CallerFrames | undefined;
  ended: boolean;
}

/** One request at one router. */
export interface Try extends Waiting<KnownRouter> {
  readonly call: RoutedCall;
  /** Its router said that the call waits and nothing of it has started, and nothing else since. */
  parked: boolean;
}
