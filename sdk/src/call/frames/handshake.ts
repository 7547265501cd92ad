// The headers by which a call arranges that its payloads travel in frames: whoever carries it passes them on.
import { type HeaderBlock, header, headerValue, MeshError } from "../../contract/index.ts";
import type { Instance } from "../../discovery/registry.ts";
import type { Exchange } from "../exchange.ts";
import type { RequestFacts } from "../open.ts";
import { parseFramedBytes } from "./frame-wire.ts";

/** For an attempt: by which stream, and how many bytes follow in it. */
export function streamFields({ stream, framedBytes }: Pick<Exchange, "stream" | "framedBytes">): string[] {
  if (stream === undefined) return [];
  const fields = [header.stream, stream];
  if (framedBytes !== undefined) fields.push(header.bytes, String(framedBytes));
  return fields;
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

/** Bytes of a reply that travels in frames; undefined: it is in the message. */
export function framedReplyBytes(headers: HeaderBlock): number | undefined {
  const bytes = headerValue(headers, header.bytes);
  return bytes === undefined ? undefined : parseFramedBytes(bytes);
}

export function isFramedReply(headers: HeaderBlock): boolean {
  return framedReplyBytes(headers) !== undefined;
}

/** For the caller: what the end record of an instance says of the reply's frames. */
export function framedReplyFields(headers: HeaderBlock): string[] {
  const bytes = framedReplyBytes(headers);
  return bytes === undefined ? [] : [header.bytes, String(bytes)];
}
