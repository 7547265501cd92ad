// What a reply means: success, or which failure, and what it says about the instance.
import { MeshError, type Reason, reasonTable } from "../../contract/index.ts";
import type { InstanceKind } from "../../discovery/registry.ts";
import type { Outcome } from "../../engine/index.ts";
import { errorOfPlainReply, errorOfReply } from "../respond.ts";
import type { InstanceReply } from "./attempt.ts";

/** `NATS/1.0 503` with an empty body is the broker's: nobody listens there. */
const NO_RESPONDERS = 503;

/** What an instance of our SDK may say of its own attempt; every other reason is a router's, and is taken as the application's. */
const INSTANCE_REASONS: ReadonlySet<Reason> = new Set<Reason>([
  "application",
  "bad-request",
  "denied",
  "unauthenticated",
  "no-method",
  "not-started",
  "overloaded",
  "rate-limited",
  "too-large",
  "deadline",
  "cancelled",
  "handler",
  "internal",
]);

/**
 * The error in a reply, or undefined for success. A 503 of the broker on the dispatch itself proves that nothing ran; an
 * instance speaks for itself and for nobody else, and a plain service knows no reasons of ours.
 */
export function classify(reply: InstanceReply, kind: InstanceKind): MeshError | undefined {
  if (reply.headers.status === NO_RESPONDERS && reply.payload.length === 0) {
    return MeshError.of("not-started", "nobody listens at the instance any more", { origin: "router" });
  }
  if (reply.headers.status !== 0) {
    return MeshError.of("internal", `the instance answered with the status line ${reply.headers.status}`, {
      origin: "router",
    });
  }
  if (kind === "plain") return errorOfPlainReply(reply.headers, "instance");
  const error = errorOfReply(reply.headers, "instance");
  if (error === undefined) return undefined;
  const reason = INSTANCE_REASONS.has(error.reason) ? error.reason : "application";
  // The status of a reason of ours is the table's: retries are decided by it.
  const status = reason === "application" ? error.status : reasonTable[reason].status;
  const { message, retryAfterMs } = error;
  return new MeshError({
    status,
    reason,
    message,
    origin: "instance",
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** What an error says about the instance that gave it. */
export function outcomeOf(error: MeshError | undefined): Outcome {
  if (error === undefined) return "success";
  switch (error.reason) {
    case "application":
      return error.status === "UNAVAILABLE" || error.status === "INTERNAL" || error.status === "DATA_LOSS"
        ? "failure"
        : "success";
    case "not-started":
    case "overloaded":
    case "rate-limited":
      return "refused";
    case "cancelled":
      return "abandoned";
    case "gone":
    case "deadline":
    case "handler":
    case "internal":
      return "failure";
    default:
      return "success";
  }
}
