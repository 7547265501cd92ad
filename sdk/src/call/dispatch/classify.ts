// What a reply means: success, or which failure, and what it says about the instance.
import { MeshError } from "../../contract/index.ts";
import type { Outcome } from "../../engine/index.ts";
import { errorOfReply } from "../respond.ts";
import type { InstanceReply } from "./attempt.ts";

/** `NATS/1.0 503` with an empty body is the broker's: nobody listens there. */
const NO_RESPONDERS = 503;

/** The error in a reply, or undefined for success. A 503 of the broker on the dispatch itself proves that nothing ran. */
export function classify(reply: InstanceReply): MeshError | undefined {
  if (reply.headers.status === NO_RESPONDERS && reply.payload.length === 0) {
    return MeshError.of("not-started", "nobody listens at the instance any more", { origin: "router" });
  }
  if (reply.headers.status !== 0) {
    return MeshError.of("internal", `the instance answered with the status line ${reply.headers.status}`, {
      origin: "router",
    });
  }
  return errorOfReply(reply.headers, "instance");
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
