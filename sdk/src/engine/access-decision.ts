// The answer to who may call what.

export interface AccessDecision {
  readonly allowed: boolean;
  /** Name of the AccessPolicy that decided; `open` if none guards the service; for a default denial, who could have allowed. */
  readonly rule: string;
  /** AccessPolicies in audit mode that would have turned this decision, had they been enforced. */
  readonly audited: readonly string[];
}

/** The rule of a call to a service that no allow policy guards. */
export const OPEN_RULE = "open";
export const NOT_AUDITED: readonly string[] = Object.freeze([]);
export const OPEN: AccessDecision = decision(true, OPEN_RULE);

export function decision(allowed: boolean, rule: string): AccessDecision {
  return Object.freeze({ allowed, rule, audited: NOT_AUDITED });
}
