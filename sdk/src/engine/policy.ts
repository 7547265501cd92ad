// The compiled form of all resources: what decisions look up. Built whole by `compile`, never edited; the only things that
// change behind it are bounded memories of what was computed, and whose turn it is in round-robin.
import type { AccessDecision } from "./access-decision.ts";
import type { ServiceSettings } from "./default-settings.ts";
import type { CompiledDestination } from "./destination.ts";
import type { RetryPlan } from "./retry.ts";
import { emptyRuleIndex, type RuleIndex } from "./rule-index.ts";

export interface CompiledRoute {
  readonly name: string;
  readonly destinations: readonly CompiledDestination[];
  readonly totalWeight: number;
  /** Method the call becomes. */
  readonly rewriteMethod: string | undefined;
  readonly timeoutMs: number | undefined;
  readonly perTryTimeoutMs: number | undefined;
  readonly retries: RetryPlan | undefined;
  /** Start of the hash of keys, so that two Routes do not draw the same share of callers. */
  readonly keySeed: number;
  /** `settingsOf`'s memory: a service's settings with this Route's words over them. */
  readonly settingsKept: Map<ServiceSettings, ServiceSettings>;
}

/** One AccessPolicy as decisions see it. */
export interface CompiledAccess {
  readonly name: string;
  /** What it decides, made once. */
  readonly permit: AccessDecision;
  readonly denial: AccessDecision;
}

export type AccessRules = RuleIndex<CompiledAccess>;

/** Access policies of one service. Rules are found by the name of their policy, in name order. */
export interface ServiceAccess {
  readonly deny: AccessRules | undefined;
  readonly allow: AccessRules | undefined;
  /** For whom no allow policy allows. */
  readonly defaultDenial: AccessDecision;
  /** Policies in audit mode, each with its own rules, in name order. */
  readonly auditDeny: readonly AuditedAccess[];
  readonly auditAllow: readonly AuditedAccess[];
  /** All of them, by name. */
  readonly auditNames: readonly string[];
}

export interface AuditedAccess {
  readonly name: string;
  readonly rules: AccessRules;
}

export interface Policy {
  readonly revision: number;
  /** Every service a document names: known even while no instance is there. */
  readonly services: ReadonlySet<string>;
  readonly routes: {
    readonly byService: ReadonlyMap<string, RuleIndex<CompiledRoute>>;
    /** Routes whose subject leaves the service open. */
    readonly anyService: RuleIndex<CompiledRoute>;
  };
  readonly access: ReadonlyMap<string, ServiceAccess>;
  readonly settings: ReadonlyMap<string, ServiceSettings>;
}

/** No document at all: everything is open, every setting is the default. */
export const emptyPolicy: Policy = Object.freeze({
  revision: 0,
  services: new Set<string>(),
  routes: Object.freeze({ byService: new Map<string, RuleIndex<CompiledRoute>>(), anyService: emptyRuleIndex }),
  access: new Map<string, ServiceAccess>(),
  settings: new Map<string, ServiceSettings>(),
});
