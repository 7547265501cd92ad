// Stage `admit`: refuse before any parsing, so that overload costs nothing. What is refused here has not started, and the
// caller's SDK takes it to another router.
import { MeshError } from "@malla/sdk/contract";
import type { ActiveCalls } from "../active-calls.ts";

export interface AdmitLimits {
  readonly maxInFlight: number;
  readonly maxInFlightPerPrincipal: number;
}

/** Throws `not-started` while draining, `overloaded` over a bound. */
export function admit(principal: string, draining: boolean, active: ActiveCalls, limits: AdmitLimits): void {
  if (draining) throw MeshError.of("not-started", "the router is draining", { origin: "router" });
  if (active.size >= limits.maxInFlight) {
    throw MeshError.of("overloaded", `the router carries ${limits.maxInFlight} calls already`, { origin: "router" });
  }
  if (active.countOf(principal) >= limits.maxInFlightPerPrincipal) {
    const message = `${principal} has ${limits.maxInFlightPerPrincipal} calls at this router already`;
    throw MeshError.of("overloaded", message, { origin: "router" });
  }
}
