// What the NATS client says of its connection, in the words of the port.
import { errors, type Status } from "nats";
import type { BrokerStatus } from "./broker.ts";

/** Undefined for what nobody here asks about. */
export function translateStatus(status: Status): BrokerStatus | undefined {
  switch (status.type) {
    case "reconnect":
      return { type: "connected" };
    case "disconnect":
      return { type: "disconnected" };
    case "ldm":
      return { type: "lame-duck" };
    case "error": {
      const { error } = status;
      if (error instanceof errors.PermissionViolationError) {
        return { type: "denied", operation: error.operation, subject: error.subject };
      }
      return { type: "error", error };
    }
    default:
      return undefined;
  }
}
