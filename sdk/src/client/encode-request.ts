// A routed request on the wire: where it goes, and the headers that are written when it is sent.
import type { Clock } from "../call/clock.ts";
import { callSubject, encodeHeaderBlock, formatTimeoutMs, header, viaSubject } from "../contract/index.ts";
import type { KnownRouter } from "../discovery/router-directory.ts";
import { formatTraceparent } from "../telemetry/trace-context.ts";
import type { OutgoingRequest } from "./outgoing-request.ts";

/** By which stream payloads of a try may go in frames, and how many bytes of the request do; undefined: it is in the message. */
export interface RequestStream {
  readonly name: string;
  readonly framedBytes: number | undefined;
}

/** To one router, or without one to whichever takes it. */
export function encodeRequest(
  { service, method, fields, deadlineAtMs, trace }: OutgoingRequest,
  principal: string,
  router: KnownRouter | undefined,
  clock: Clock,
  stream: RequestStream | undefined,
): { readonly subject: string; readonly headers: Uint8Array } {
  const all = [...fields, header.timeout, formatTimeoutMs(deadlineAtMs - clock.nowMs())];
  if (trace !== undefined) {
    all.push(header.traceparent, formatTraceparent(trace));
    if (trace.tracestate !== undefined) all.push(header.tracestate, trace.tracestate);
  }
  if (stream !== undefined) {
    all.push(header.stream, stream.name);
    if (stream.framedBytes !== undefined) all.push(header.bytes, String(stream.framedBytes));
  }
  if (router === undefined)
    return { subject: callSubject(principal, service, method), headers: encodeHeaderBlock(all) };
  // By the router's own clock, since it does not know ours: what was held up on its way is known for it there.
  all.push(header.sent, String(Math.floor(clock.stampMs() + router.clockOffset.ms)));
  return { subject: viaSubject(router.id, principal, service, method), headers: encodeHeaderBlock(all) };
}
