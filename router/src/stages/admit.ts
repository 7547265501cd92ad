// Stage `admit`: refuse before any parsing, so that overload costs nothing. What is refused here has not started, and the
// caller's SDK takes it to another router.
import type { BrokerMessage } from "@malla/sdk/broker";
import { type CallTarget, MeshError } from "@malla/sdk/contract";
import { lowerPriority, type Policy, settingsOf } from "@malla/sdk/engine";
import type { ActiveCalls } from "../active-calls.ts";
import { peekPriority } from "./peek-priority.ts";

export interface AdmitLimits {
  readonly maxInFlight: number;
  readonly maxInFlightPerPrincipal: number;
  /** Headers and payloads of the calls in flight, parked ones among them. */
  readonly maxBytes: number;
  readonly maxBytesPerPrincipal: number;
}

/** From this share of the router's bounds on, sheddable calls are refused. Below it no priority is looked at. */
export const SHED_SHEDDABLE_FROM = 0.8;
/** And from this share on, those of default priority too: the rest is kept for critical ones. */
export const SHED_DEFAULT_FROM = 0.95;

/** Bytes a call holds at this router: what came with it. */
export function heldBytes({ headers, payload }: BrokerMessage): number {
  return headers.length + payload.length;
}

/** Throws `not-started` while draining, `overloaded` over a bound. */
export function admit(
  target: CallTarget,
  message: BrokerMessage,
  draining: boolean,
  active: ActiveCalls,
  limits: AdmitLimits,
  policy: Policy,
): void {
  if (draining) throw MeshError.of("not-started", "the router is draining", { origin: "router" });
  const bytes = heldBytes(message);
  const { calls: ownCalls, bytes: ownBytes } = active.useOf(target.principal);
  if (ownCalls >= limits.maxInFlightPerPrincipal) {
    throw overloaded(`${target.principal} has ${limits.maxInFlightPerPrincipal} calls at this router already`);
  }
  if (ownBytes + bytes > limits.maxBytesPerPrincipal) {
    throw overloaded(
      `the calls of ${target.principal} hold ${ownBytes} of the ${limits.maxBytesPerPrincipal} bytes it may have at this router`,
    );
  }
  if (active.size >= limits.maxInFlight) throw overloaded(`the router carries ${limits.maxInFlight} calls already`);
  if (active.bytes + bytes > limits.maxBytes) throw overloaded(`the router holds ${active.bytes} bytes already`);
  const share = Math.max(active.size / limits.maxInFlight, active.bytes / limits.maxBytes);
  if (share >= SHED_SHEDDABLE_FROM) shed(target, message, share, policy);
}

/** The nearer the router is to its bounds, the more a call must matter to be let in. */
function shed(target: CallTarget, message: BrokerMessage, share: number, policy: Policy): void {
  const cap = settingsOf(policy, target.service).maxPriorityOf(target.principal);
  const priority = lowerPriority(peekPriority(message.headers), cap);
  if (priority === "critical" || (priority === "default" && share < SHED_DEFAULT_FROM)) return;
  throw overloaded(`the router is ${Math.floor(share * 100)} % full and takes no ${priority} calls now`);
}

function overloaded(message: string): MeshError {
  return MeshError.of("overloaded", message, { origin: "router" });
}
