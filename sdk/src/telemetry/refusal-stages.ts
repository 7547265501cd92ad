// Where something is refused that never should have been sent, or may not be done: the closed list behind the label `stage` of
// `mesh_rejected_total`. sdk/docs/telemetry.md is tested equal to it.

export const refusalStages = {
  "authenticate-subject": "router: a call whose subject no grant lets through",
  "authenticate-reply": "router: a call whose reply subject is not its caller's own",
  admit: "router: it drains, or carries all it can",
  open: "router: a call whose header block is malformed, or says nonsense",
  route: "router: a call to a service or method that is not there",
  authorize: "router, or who takes or makes a direct call: one an access policy does not allow",
  dispatch: "router: a call that could not be sent at all",
  "mesh-service": "router: a call to the service mesh that it does not understand",
  probe: "who was asked: a probe that cannot be read, or asks for another's calls",
  cancel: "who was asked: a cancel that cannot be read, or is for another's call",
  reply: "who called: a reply for another service's attempt, or one that cannot be read",
  announcement: "who was told: an announcement that cannot be read, or is one too many",
  "plain-service": "router: a plain service's word of itself that cannot be read, or is another's",
  "attempt-subject": "instance: an attempt whose subject is malformed",
  "attempt-reply": "instance: an attempt whose answer would go to another than who sent it",
  "attempt-headers": "instance: an attempt whose header block is malformed, or says nonsense",
  frames: "who was sent it: a frame, credit or offer of a stream that nobody opened, or beyond what was granted",
  "frames-ended": "who was sent it: a frame, credit or offer of a stream that ended not long ago; counted, not logged",
  "micro-reply": "instance: a question of `nats micro` whose answer would go where such answers do not belong",
  policy: "a pushed policy that the operator did not sign, or that is older than what is in force",
  broker: "a publish or subscription the broker refused to these credentials",
} as const;

export type RefusalStage = keyof typeof refusalStages;
