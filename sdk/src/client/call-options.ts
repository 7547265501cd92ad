// What a caller may say about one call.
import { assertSendable, header, isReservedHeader, type Priority } from "../contract/index.ts";

export interface CallOptions {
  /** Time for the whole call with all its attempts, in ms. Default 10,000, cap 300,000; never more than the call it runs in has left. */
  readonly timeoutMs?: number;
  /** Aborting it ends the call as CANCELLED and tells the handler. */
  readonly signal?: AbortSignal;
  /** Affinity: calls with the same key get the same share of a Route's weights. */
  readonly key?: string;
  readonly priority?: Priority;
  /** Makes the call safe to try again: the mesh runs it once for the same key, method and principal. */
  readonly idempotencyKey?: string;
  /** Headers for the handler. Names of the mesh and the broker are refused. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The end user's JWT, without `Bearer`. */
  readonly userToken?: string;
}

/** Header fields of a request as the options ask for them. Throws TypeError for what cannot be sent. */
export function requestFields(options: CallOptions, contentType: string): string[] {
  const fields = [header.contentType, contentType];
  if (options.headers !== undefined) {
    for (const [name, value] of Object.entries(options.headers)) {
      assertSendable(name, value);
      if (isReservedHeader(name) || /^nats-/i.test(name)) {
        throw new TypeError(`header ${name} belongs to the mesh; use the call option for it`);
      }
      fields.push(name, value);
    }
  }
  push(fields, header.key, options.key);
  push(fields, header.priority, options.priority);
  push(fields, header.idempotencyKey, options.idempotencyKey);
  if (options.userToken !== undefined) push(fields, header.authorization, `Bearer ${options.userToken}`);
  return fields;
}

function push(fields: string[], name: string, value: string | undefined): void {
  if (value === undefined) return;
  assertSendable(name, value);
  fields.push(name, value);
}
