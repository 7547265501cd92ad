// One try of a call on one instance.
import { type HeaderBlock, MeshError } from "../../contract/index.ts";
import type { Instance } from "../../discovery/registry.ts";
import type { Span } from "../../telemetry/port.ts";
import type { Exchange } from "../exchange.ts";
import type { Timer } from "../timer-wheel.ts";
import { type Loss, type Waiting, WaitingTable } from "../waiting-table.ts";

/** `peer` is the instance if it can be probed: a plain service would run its handler for a probe. */
export interface Attempt extends Waiting<Instance> {
  /** 1 for the first. */
  readonly number: number;
  readonly exchange: Exchange;
  readonly instance: Instance;
  readonly span: Span | undefined;
  /** Who is told how it ended. */
  readonly owner: AttemptOwner;
  perTryTimer: Timer | undefined;
}

export type AttemptTable = WaitingTable<Instance, Attempt>;

/** Tells the owners of attempts that got lost. */
export function createAttemptTable(): AttemptTable {
  return new WaitingTable<Instance, Attempt>((attempt, loss) =>
    attempt.owner.attemptFailed(attempt, lossError(attempt, loss), loss === "silent"),
  );
}

function lossError({ instance }: Attempt, loss: Loss): MeshError {
  const who = `instance ${instance.id} of ${instance.service}`;
  const origin = "router";
  if (loss === "unseen") return MeshError.of("not-started", `the request never reached ${who}`, { origin });
  const what = loss === "gone" ? "was lost while the call ran" : "did not answer while the call ran";
  return MeshError.of("gone", `${who} ${what}`, { origin });
}

/** A reply as it came from the instance; bytes are passed on as they are. */
export interface InstanceReply {
  /** Empty for one that was kept from another call. */
  readonly attemptId: string;
  readonly headers: HeaderBlock;
  readonly payload: Uint8Array;
}

export interface AttemptOwner {
  attemptReplied(attempt: Attempt, reply: InstanceReply): void;
  /** `mayStillRun`: its instance only does not answer, and may be at work on it. Default: no. */
  attemptFailed(attempt: Attempt, error: MeshError, mayStillRun?: boolean): void;
}

/** How attempts reach instances: by a router over `mesh.run`, by a direct caller over `mesh.direct`. */
export interface AttemptSender {
  /** Throws `BrokerDisconnected` or `MeshError` (`too-large`) if nothing was sent. */
  send(attempt: Attempt): void;
  /** Tells the instance that nobody waits any more. */
  cancel(attempt: Attempt): void;
}
