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

/** A request of more bytes, headers included, than the broker carries in one message; undefined for others. */
export function tooLargeRequest(bytes: number, maxPayloadBytes: number): MeshError | undefined {
  if (bytes <= maxPayloadBytes) return undefined;
  const message = `the request has ${bytes} bytes with its headers; the broker carries ${maxPayloadBytes} in one message, and no frames can be sent`;
  return MeshError.of("too-large", message);
}
