// Documents and calls for the engine's tests: builders for tables, arbitraries with few distinct names so that they meet.
import fc from "fast-check";
import {
  type AccessPolicyDocument,
  type AccessPolicySpec,
  API_VERSION,
  type MeshDocument,
  type RouteDocument,
  type RouteMatch,
  type RouteSpec,
  type ServicePolicyDocument,
  type ServicePolicySpec,
} from "../contract/index.ts";
import type { CallFacts } from "./call-facts.ts";
import { compile } from "./compile.ts";
import type { Policy } from "./policy.ts";

export function routeDocument(
  name: string,
  spec: Partial<RouteSpec> & Pick<RouteSpec, "match">,
  createdAt?: string,
): RouteDocument {
  const metadata = { name, ...(createdAt === undefined ? {} : { createdAt }) };
  return { apiVersion: API_VERSION, kind: "Route", metadata, spec: { destinations: [{ weight: 1 }], ...spec } };
}

export function accessDocument(name: string, spec: Partial<AccessPolicySpec>): AccessPolicyDocument {
  const full: AccessPolicySpec = { service: "catalog", action: "allow", mode: "enforce", rules: [], ...spec };
  return { apiVersion: API_VERSION, kind: "AccessPolicy", metadata: { name }, spec: full };
}

export function serviceDocument(name: string, spec: ServicePolicySpec): ServicePolicyDocument {
  return { apiVersion: API_VERSION, kind: "ServicePolicy", metadata: { name }, spec };
}

/** Compiles what must be free of errors. */
export function policyOf(...documents: readonly MeshDocument[]): Policy {
  const { policy, problems } = compile(documents, 1);
  const errors = problems.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  return policy;
}

/** A call of `principal` to `service.method` with headers in any case. */
export function call(principal: string, target: string, headers: Readonly<Record<string, string>> = {}): CallFacts {
  const [service, method] = target.split(".") as [string, string];
  const lower = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return { principal, service, method, header: (name) => lower.get(name.toLowerCase()) };
}

const SERVICES = ["a", "b"];
const METHODS = ["get", "getAll", "list", "put"];
const METHOD_PATTERNS = [...METHODS, "*", "get*", "ge*", "*l", "*All", "*t*", "g*t", "get*l"];
const PRINCIPALS = ["web", "web-2", "cron", "guest"];
const PRINCIPAL_PATTERNS = [...PRINCIPALS, "web*", "*", "*e*", "*-2"];
const VALUES = ["", "x", "xy", "xyz", "yz"];

const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });
const without = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;

const stringMatch = fc.oneof(
  fc.record({ exact: fc.constantFrom(...VALUES) }),
  fc.record({ prefix: fc.constantFrom("", "x", "xy", "y") }),
  fc.record({ regex: fc.constantFrom("x.*", "xy", "xyz?", "(x|y)+z?", "[^x]*", "") }),
  fc.record({ present: fc.boolean() }),
);
const headerMatches = fc.dictionary(fc.constantFrom("x-a", "x-b"), stringMatch, { maxKeys: 2, noNullPrototype: true });
const principalList = fc.uniqueArray(fc.constantFrom(...PRINCIPAL_PATTERNS), { minLength: 1, maxLength: 3 });
const methodList = fc.uniqueArray(fc.constantFrom(...METHOD_PATTERNS), { minLength: 1, maxLength: 3 });
const bySubject = fc
  .tuple(fc.constantFrom(...SERVICES, "*"), fc.constantFrom(...METHODS, "*", ">"))
  .map(([service, method]): RouteMatch => ({ subject: `${service}.${method}` }));
const byName = fc
  .record({ service: fc.constantFrom(...SERVICES), methods: optional(methodList) })
  .map((match) => without(match) as RouteMatch);
const match = fc
  .tuple(
    fc.oneof(byName, byName, bySubject, fc.constant<RouteMatch>({ subject: ">" })),
    optional(headerMatches),
    optional(principalList),
  )
  .map(([target, headers, principals]) => without({ ...target, headers, principals }) as RouteMatch);
const createdAt = optional(
  fc.constantFrom("2025-01-01T00:00:00Z", "2025-06-01T00:00:00Z", "2025-06-01T02:00:00+02:00"),
);

/** Routes with distinct names, in any order. */
export const routesArbitrary = fc.array(fc.tuple(match, createdAt), { maxLength: 40, size: "max" }).chain((list) =>
  fc.shuffledSubarray(
    list.map(([given, at], i) => routeDocument(`r${i}`, { match: given }, at)),
    { minLength: list.length },
  ),
);

const accessRule = fc
  .record({ principals: optional(principalList), methods: optional(methodList), headers: optional(headerMatches) })
  .map(without) as fc.Arbitrary<AccessPolicySpec["rules"][number]>;
const accessSpec: fc.Arbitrary<AccessPolicySpec> = fc.record({
  service: fc.constantFrom(...SERVICES),
  action: fc.constantFrom("allow", "allow", "deny"),
  mode: fc.constantFrom("enforce", "enforce", "audit"),
  rules: fc.array(accessRule, { maxLength: 4 }),
});
export const accessArbitrary = fc
  .array(accessSpec, { maxLength: 16, size: "max" })
  .map((list) => list.map((spec, i) => accessDocument(`p${String(i).padStart(2, "0")}`, spec)));

export const callArbitrary: fc.Arbitrary<CallFacts> = fc
  .tuple(
    fc.constantFrom(...PRINCIPALS, "other"),
    fc.constantFrom(...SERVICES, "c"),
    fc.constantFrom(...METHODS, "delete"),
    fc.dictionary(fc.constantFrom("x-a", "X-B"), fc.constantFrom(...VALUES), { maxKeys: 2, noNullPrototype: true }),
  )
  .map(([principal, service, method, headers]) => call(principal, `${service}.${method}`, headers));

/** Chance by a seed, for tests that count (Park and Miller's minimal standard). */
export function seededRandom(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return (state - 1) / 2_147_483_646;
  };
}
