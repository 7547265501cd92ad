// What errors of the routed path mean.
import { BrokerDisconnected } from "../broker/broker.ts";
import { MeshError } from "../contract/index.ts";

/** A router that drains or is full refuses before anything began. */
export function refusedByRouter(error: MeshError): boolean {
  return (
    error.origin === "router" &&
    error.attempts === 0 &&
    (error.reason === "not-started" || error.reason === "overloaded")
  );
}

/** What a call ends with that could not be sent. */
export function sendError(thrown: unknown): MeshError {
  if (thrown instanceof MeshError) return thrown;
  if (thrown instanceof BrokerDisconnected) return MeshError.of("not-started", thrown.message, { cause: thrown });
  return MeshError.of("internal", thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
}
