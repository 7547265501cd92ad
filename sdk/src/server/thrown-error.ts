// What a handler threw, as its caller gets it. Anything can be thrown, and nothing that is thrown may harm the instance.
import { isStatus, MeshError } from "../contract/index.ts";

/**
 * An application's own error passes with status and message. An error of a call the handler made itself becomes the
 * application's own too: passed on with its reason, `not-started` would tell the router that this handler never ran.
 */
export function thrownError(thrown: unknown): MeshError {
  if (!(thrown instanceof MeshError)) {
    return MeshError.of("handler", textOf(thrown), { origin: "instance", cause: thrown });
  }
  const { status, retryAfterMs } = thrown;
  return new MeshError({
    status: isStatus(status) ? status : "UNKNOWN",
    message: String(thrown.message),
    origin: "instance",
    cause: thrown,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** A result that cannot be written as the method's payload is the handler's fault. */
export function unencodable(thrown: unknown): MeshError {
  return MeshError.of("handler", `the handler's result cannot be encoded: ${textOf(thrown)}`, {
    origin: "instance",
    cause: thrown,
  });
}

/** Whatever text it has; making one can throw as well. */
function textOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return "something without a text was thrown";
  }
}
