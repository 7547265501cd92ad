// All of them, in the order of issue point "clients and handlers that misbehave".
import type { Abuse } from "./abuse.ts";
import {
  announcementFlood,
  connectionFlood,
  largePayloadByHand,
  slowReader,
  smallSlowReader,
  unawaitedReplies,
} from "./broker-abuses.ts";
import {
  blocksLoop,
  largeHeaders,
  largePayload,
  largeReply,
  malformedReply,
  neverAnswers,
  throws,
} from "./call-abuses.ts";

export const ABUSES: readonly Abuse[] = [
  largePayload,
  largePayloadByHand,
  largeReply,
  largeHeaders,
  neverAnswers,
  throws,
  blocksLoop,
  unawaitedReplies,
  malformedReply,
  announcementFlood,
  slowReader,
  smallSlowReader,
  connectionFlood,
];
