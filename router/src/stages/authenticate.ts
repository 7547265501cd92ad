// Stage `authenticate`: who calls what, by the subject alone, which the broker has proven. First of all stages, since every
// refusal publishes: nothing is answered to a subject that could not have been granted, or to a reply that is not the
// caller's own (attack 15).
import type { BrokerMessage } from "@malla/sdk/broker";
import { type CallTarget, isReplyOf, parseCallSubject } from "@malla/sdk/contract";

/** Why a message is dropped without an answer. */
export type Drop = "subject" | "reply";

/** The caller and its target, or why the message is dropped. */
export function authenticate(message: BrokerMessage): CallTarget | Drop {
  const target = parseCallSubject(message.subject);
  if (target === undefined) return "subject";
  if (message.reply !== "" && !isReplyOf(target.principal, message.reply)) return "reply";
  return target;
}
