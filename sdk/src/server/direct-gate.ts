// Whether a call that came past the routers may run: the binding word on it, by the policy this process has verified itself.
import { authorize } from "../call/authorize.ts";
import type { RequestFacts } from "../call/open.ts";
import type { Runtime } from "../call/runtime.ts";
import { type AttemptTarget, headerValue, MeshError } from "../contract/index.ts";
import type { PolicyFreshness } from "../discovery/policy-freshness.ts";
import type { PolicyHolder } from "../discovery/policy-holder.ts";
import { lowerPriority, type ServiceSettings, settingsOf } from "../engine/index.ts";
import { BoundedLines } from "../telemetry/bounded-lines.ts";

export interface DirectGateOptions {
  readonly policy: PolicyHolder;
  readonly freshness: PolicyFreshness;
  readonly runtime: Runtime;
}

export class DirectGate {
  readonly #options: DirectGateOptions;
  readonly #lines: BoundedLines;

  constructor(options: DirectGateOptions) {
    const { telemetry, clock, timers } = options.runtime;
    this.#options = options;
    this.#lines = new BoundedLines({
      log: telemetry.log,
      nowMs: () => clock.nowMs(),
      after: (ms, call) => void timers.schedule(ms, call),
    });
  }

  /** Whether any call can be judged now: without the policy in force none may run. */
  get canJudge(): boolean {
    const { freshness, runtime } = this.#options;
    return freshness.isFresh(runtime.clock.nowMs());
  }

  /** What a call may run with, its priority no higher than policy allows; or why it is refused, which is counted and written down once. */
  judge(target: AttemptTarget, facts: RequestFacts): RequestFacts | MeshError {
    if (!this.canJudge) {
      const message = "this instance does not know yet which policy is in force, so no call past the routers may run";
      return MeshError.of("not-started", message, { origin: "instance" });
    }
    try {
      const priority = lowerPriority(facts.priority, this.#judge(target, facts).maxPriorityOf(target.principal));
      return priority === facts.priority ? facts : { ...facts, priority };
    } catch (thrown) {
      const error = MeshError.from(thrown, "instance");
      const { principal, service, method } = target;
      const { reason, message: problem } = error;
      this.#options.runtime.refusals.refused({ stage: "authorize", reason, principal, service, method, problem });
      return error;
    }
  }

  /** Returns the settings of the service. Throws what denies the call. */
  #judge({ principal, service, method }: AttemptTarget, facts: RequestFacts): ServiceSettings {
    const { policy, runtime } = this.#options;
    const header = (name: string): string | undefined => headerValue(facts.headers, name);
    const { audited } = authorize(policy.current, { principal, service, method, header }, "instance");
    const settings = settingsOf(policy.current, service);
    if (!settings.direct) {
      const message = `${service} takes no calls past the routers (ServicePolicy, direct: false); send it through one`;
      throw MeshError.of("denied", message, { origin: "instance" });
    }
    if (audited.length > 0 && this.#lines.mayWrite(principal)) {
      const message = "an AccessPolicy in audit mode would have refused this call";
      runtime.telemetry.log.info({ service, method, caller: principal, rules: audited }, message);
    }
    return settings;
  }
}
