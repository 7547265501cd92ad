// The headers by which a call arranges that its payloads travel in frames: whoever carries it passes them on.
import { type HeaderBlock, header, headerValue, isStreamName, MeshError, streamName } from "../../contract/index.ts";
import type { Instance } from "../../discovery/registry.ts";
import type { InstanceReply } from "../dispatch/attempt.ts";
import type { Exchange } from "../exchange.ts";
import type { RequestFacts } from "../open.ts";
import { parseFramedBytes } from "./frame-wire.ts";

/** Tells an attempt's instance by which stream payloads may travel, and how many bytes of the request do. */
export function addStream(fields: string[], { stream, framedBytes }: Pick<Exchange, "stream" | "framedBytes">): void {
  if (stream === undefined) return;
  fields.push(header.stream, stream);
  if (framedBytes !== undefined) fields.push(header.bytes, String(framedBytes));
}

/** Throws `bad-request` for a payload in a message that says its payload comes in frames. */
export function refusePayloadBeside({ framedBytes }: RequestFacts, payloadBytes: number): void {
  if (framedBytes === undefined || payloadBytes === 0) return;
  const message = `header ${header.bytes} says that frames follow, but there is a payload`;
  throw MeshError.of("bad-request", message, { origin: "router" });
}

/** Callers listen to the service they called: after a rewrite to another one, neither credits nor frames reach them. */
export function takesFrames({ service }: Exchange, instance: Instance): boolean {
  return instance.takesFrames && instance.service === service;
}

/**
 * The stream of a direct attempt has its id with the halves exchanged, and so back: both come to the caller on the same kind of subject,
 * and what is an answer is told from what is a frame by the id alone.
 */
export function directStreamId(attemptId: string): string {
  const half = attemptId.length / 2;
  return attemptId.slice(half) + attemptId.slice(0, half);
}

/** The stream by which a direct attempt is answered in frames, by the inbox it is answered to; undefined if that is none. */
export function directStream(reply: string): string | undefined {
  const [, , , connection = "", id = ""] = reply.split(".");
  const name = streamName(connection, directStreamId(id));
  return isStreamName(name) ? name : undefined;
}

/** Bytes of a reply that travels in frames; undefined: it is in the message. */
export function framedReplyBytes(headers: HeaderBlock): number | undefined {
  const bytes = headerValue(headers, header.bytes);
  return bytes === undefined ? undefined : parseFramedBytes(bytes);
}

export function isFramedReply(headers: HeaderBlock): boolean {
  return framedReplyBytes(headers) !== undefined;
}

/** Tells the caller what the end record of an instance says of the reply's frames. */
export function addFramedReply(fields: string[], { headers, payload }: InstanceReply): void {
  if (payload.length > 0) return;
  const bytes = framedReplyBytes(headers);
  if (bytes !== undefined) fields.push(header.bytes, String(bytes));
}
