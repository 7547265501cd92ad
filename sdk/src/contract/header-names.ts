// Header names as they stand on the wire: written exactly so, read in any case.

export const header = {
  traceparent: "traceparent",
  tracestate: "tracestate",
  baggage: "baggage",
  contentType: "Content-Type",
  authorization: "Authorization",
  timeout: "Malla-Timeout",
  key: "Malla-Key",
  priority: "Malla-Priority",
  idempotencyKey: "Malla-Idempotency-Key",
  sent: "Malla-Sent",
  requestId: "Malla-Request-Id",
  attempt: "Malla-Attempt",
  cancel: "Malla-Cancel",
  probe: "Malla-Probe",
  notice: "Malla-Notice",
  stream: "Malla-Stream",
  /** Size of a payload that travels in frames, where the payload would stand. */
  bytes: "Malla-Bytes",
  seq: "Malla-Seq",
  credit: "Malla-Credit",
  end: "Malla-End",
  instance: "Malla-Instance",
  claims: "Malla-Claims",
  caller: "Malla-Caller",
  load: "Malla-Load",
  status: "Malla-Status",
  reason: "Malla-Reason",
  origin: "Malla-Origin",
  attempts: "Malla-Attempts",
  retryAfter: "Malla-Retry-After",
  serviceError: "Nats-Service-Error",
  serviceErrorCode: "Nats-Service-Error-Code",
  /** In the broker's 503: the subject nobody listens on. */
  unheardSubject: "Nats-Subject",
} as const;

export type Priority = "critical" | "default" | "sheddable";

export const CONTENT_TYPE_JSON = "application/json";
export const CONTENT_TYPE_PROTOBUF = "application/protobuf";
export const CONTENT_TYPE_BYTES = "application/octet-stream";

/**
 * What a router says of a call that it has not answered: it waits and nothing of it has started, or it no longer waits; or nothing
 * of it will start, since whoever serves it takes no frames: it is to be sent again whole.
 */
export type Notice = "parked" | "dispatching" | "whole";
