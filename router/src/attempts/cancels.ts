// Callers that give up: `mesh.cancel.<router>.<principal>.<call>`.
import type { BrokerMessage } from "@malla/sdk/broker";
import type { Runtime } from "@malla/sdk/call";
import { MeshError, parseCancelSubject, provenPrincipal } from "@malla/sdk/contract";
import type { ActiveCalls } from "../active-calls.ts";

export interface CancelsOptions {
  readonly runtime: Runtime;
  readonly active: ActiveCalls;
}

export class Cancels {
  readonly #options: CancelsOptions;

  constructor(options: CancelsOptions) {
    this.#options = options;
  }

  /** Cancels the caller's own call. One that is not there has ended meanwhile, which is nobody's fault. */
  hear({ subject }: BrokerMessage): void {
    const { runtime, active } = this.#options;
    const target = parseCancelSubject(subject);
    if (target === undefined) {
      const problem = "a cancel whose subject names no call";
      runtime.refusals.refused({
        stage: "cancel",
        reason: "bad-request",
        principal: provenPrincipal(subject),
        problem,
        subject,
      });
      return;
    }
    const { call, principal } = target;
    if (active.isOthers(call, principal)) {
      runtime.refusals.refused({ stage: "cancel", reason: "denied", principal, problem: "a cancel of another's call" });
      return;
    }
    active
      .find(call, principal)
      ?.dispatch?.cancel(MeshError.of("cancelled", "the caller gave up", { origin: "router" }));
  }
}
