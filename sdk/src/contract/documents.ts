// The resources as plain data: what validation yields and what the engine compiles. The schema in `resources/` is
// proven to yield exactly these types. Every default has been filled in when a document is in this form; what is
// optional here is truly absent.

export const API_VERSION = "malla.dev/v1";

export interface Metadata {
  readonly name: string;
  /** ISO instant of first apply; older wins where Routes tie. */
  readonly createdAt?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Exactly one is set. */
export interface StringMatch {
  readonly exact?: string;
  readonly prefix?: string;
  /** RE2-like: compiled without backtracking constructs, anchored at both ends. */
  readonly regex?: string;
  readonly present?: boolean;
}

export interface RouteMatch {
  /** NATS wildcards over `<service>.<method>`; instead of `service` and `methods`. */
  readonly subject?: string;
  readonly service?: string;
  /** Exact names, or patterns with `*` for any characters. Absent: every method. */
  readonly methods?: readonly string[];
  readonly headers?: Readonly<Record<string, StringMatch>>;
  readonly principals?: readonly string[];
}

export interface Destination {
  /** Another service than the one called: a rewrite. */
  readonly service?: string;
  /** npm range over instance versions. */
  readonly version?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** Share of calls, 0 to 1,000,000; shares are relative to their sum. */
  readonly weight: number;
  /** When this destination has no instance: `any` other destination of the route takes its share. */
  readonly failover?: "none" | "any";
}

export type RetryCondition =
  | "unavailable"
  | "deadline"
  | "gone"
  | "resource-exhausted"
  | "internal"
  | "unknown"
  | "aborted";

export interface RetryPolicy {
  /** Further attempts after the first, 0 to 10. */
  readonly attempts: number;
  readonly on: readonly RetryCondition[];
  /** Exactly one is set. */
  readonly backoff: {
    readonly fixed?: { readonly delayMs: number };
    readonly exponential?: { readonly baseMs: number; readonly capMs: number };
  };
  readonly budget: { readonly percent: number; readonly minPerSecond: number };
}

export interface RouteSpec {
  readonly match: RouteMatch;
  readonly destinations: readonly Destination[];
  readonly rewrite?: { readonly method?: string };
  readonly timeoutMs?: number;
  readonly perTryTimeoutMs?: number;
  readonly retries?: RetryPolicy;
}

export interface ServicePolicySpec {
  readonly service: string;
  readonly loadBalancer?: "p2c" | "round-robin" | "random" | "least-request";
  readonly timeoutMs?: number;
  readonly idempotentMethods?: readonly string[];
  readonly retries?: RetryPolicy;
  readonly outlierDetection?: {
    readonly consecutiveFailures: number;
    readonly baseEjectionMs: number;
    readonly maxEjectionMs: number;
    /** With more than this share ejected, ejection is ignored. */
    readonly panicPercent: number;
  };
  /** In flight per instance and router; the instance's own cap holds besides. */
  readonly maxInFlight?: number;
  /** Highest priority by principal; whom neither list names may have `default`. */
  readonly maxPriority?: { readonly critical?: readonly string[]; readonly sheddable?: readonly string[] };
  /** Whether callers with role `direct` may go past the router. */
  readonly direct?: boolean;
  /** Methods a plain NATS service without `$SRV` answers on `mesh.serve.<service>.<method>`. */
  readonly plainMethods?: readonly string[];
}

export interface AccessRule {
  readonly principals?: readonly string[];
  readonly methods?: readonly string[];
  readonly headers?: Readonly<Record<string, StringMatch>>;
}

export interface AccessPolicySpec {
  readonly service: string;
  readonly action: "allow" | "deny";
  readonly mode: "enforce" | "audit";
  /** The policy applies if any rule matches; a rule matches if all it names do. No rule matches everything. */
  readonly rules: readonly AccessRule[];
}

interface Document<Kind extends string, Spec> {
  readonly apiVersion: typeof API_VERSION;
  readonly kind: Kind;
  readonly metadata: Metadata;
  readonly spec: Spec;
}

export type RouteDocument = Document<"Route", RouteSpec>;
export type ServicePolicyDocument = Document<"ServicePolicy", ServicePolicySpec>;
export type AccessPolicyDocument = Document<"AccessPolicy", AccessPolicySpec>;
export type MeshDocument = RouteDocument | ServicePolicyDocument | AccessPolicyDocument;
export type Kind = MeshDocument["kind"];

export const KINDS: readonly Kind[] = ["Route", "ServicePolicy", "AccessPolicy"];
