// The one error of the mesh: everything a call can fail with.
import { type MeshReason, type Reason, reasonTable } from "./reasons.ts";
import { type Status, statusTable } from "./status.ts";

/** Who made the error. */
export type Origin = "router" | "instance" | "sdk";

export interface MeshErrorOptions {
  readonly status: Status;
  readonly reason: Reason;
  readonly message: string;
  readonly origin?: Origin;
  /** How many attempts were sent to instances. */
  readonly attempts?: number;
  /** Milliseconds to wait before trying again, if the refusing side said so. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/**
 * A call that failed. `status` is one of the sixteen gRPC codes, `reason` says why the mesh failed it, or `application`
 * if a handler threw this error itself: `throw new MeshError({ status: "NOT_FOUND", message: "no such order" })`
 * reaches the caller as it is.
 */
export class MeshError extends Error {
  readonly status: Status;
  readonly reason: Reason;
  readonly origin: Origin;
  readonly attempts: number;
  readonly retryAfterMs: number | undefined;

  constructor(options: Omit<MeshErrorOptions, "reason"> & { readonly reason?: Reason }) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "MeshError";
    this.status = options.status;
    this.reason = options.reason ?? "application";
    this.origin = options.origin ?? "instance";
    this.attempts = options.attempts ?? 0;
    this.retryAfterMs = options.retryAfterMs;
  }

  /** HTTP number of this error: the reason's own, else the status's. */
  get http(): number {
    return this.reason === "application" ? statusTable[this.status].http : reasonTable[this.reason].http;
  }

  /** A refusal of the mesh: status and HTTP number follow from the reason. */
  static of(
    reason: MeshReason,
    message: string,
    rest: Partial<Omit<MeshErrorOptions, "reason" | "status" | "message">> = {},
  ): MeshError {
    return new MeshError({ origin: "sdk", ...rest, status: reasonTable[reason].status, reason, message });
  }

  /** Whatever was thrown, as a MeshError; an unknown thing becomes `handler` and keeps its cause for the log. */
  static from(thrown: unknown, origin: Origin): MeshError {
    if (thrown instanceof MeshError) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new MeshError({ status: "UNKNOWN", reason: "handler", message, origin, cause: thrown });
  }

  toJSON(): Record<string, unknown> {
    return {
      status: this.status,
      reason: this.reason,
      message: this.message,
      origin: this.origin,
      attempts: this.attempts,
      ...(this.retryAfterMs === undefined ? {} : { retryAfterMs: this.retryAfterMs }),
    };
  }
}
