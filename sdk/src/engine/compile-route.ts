// A Route to what it matches and where it leads.
import type { RouteDocument, RouteMatch } from "../contract/documents.ts";
import { isMethodName } from "../contract/names.ts";
import { compileRetries } from "./compile-retries.ts";
import { type CompiledDestination, compileDestination } from "./destination.ts";
import { compileGlob, compileNames, type Glob, type NameSet } from "./glob.ts";
import { HASH_SEED, hashText } from "./key-hash.ts";
import type { CompiledRoute } from "./policy.ts";
import { type Findings, refuseUnknown } from "./problem.ts";
import { compileHeaders, type HeaderCondition } from "./string-match.ts";

/** One way into a Route: a Route that lists two methods has two, each with a precedence of its own. */
export interface RouteEntry {
  readonly route: CompiledRoute;
  readonly document: string;
  /** Undefined: any service. */
  readonly service: string | undefined;
  /** Undefined: every method. */
  readonly method: Glob | undefined;
  /** Where the method is written, for a problem. */
  readonly path: string;
  readonly principals: NameSet | undefined;
  readonly headers: readonly HeaderCondition[];
  /** Instant of first apply, in ms; infinite if unknown, so that it loses to all that is known. */
  readonly createdAtMs: number;
}

interface Target {
  readonly service: string | undefined;
  readonly methods: readonly { readonly glob: Glob | undefined; readonly path: string }[];
}

const CONDITIONS: ReadonlySet<string> = new Set([
  "subject",
  "service",
  "methods",
  "headers",
  "principals",
] satisfies (keyof RouteMatch)[]);

/** The ways into a Route; none if anything in it is wrong: half a Route would send calls where nobody meant them to go. */
export function compileRoute(document: RouteDocument, label: string, findings: Findings): readonly RouteEntry[] {
  const { match } = document.spec;
  refuseUnknown(match, CONDITIONS, "spec.match", findings);
  const target = compileTarget(match, findings);
  const headers = compileHeaders(match.headers, "spec.match.headers", findings);
  const principals = match.principals === undefined ? undefined : compileNames(match.principals);
  if (match.principals?.length === 0)
    findings.warning("spec.match.principals", "an empty list matches nobody: leave it out to match everybody");
  const route = compileAim(document, target?.service, findings);
  if (target === undefined || findings.hasErrors) return [];
  // oxlint-disable-next-line no-restricted-globals -- an instant that is written down is read; no clock is
  const createdAtMs = document.metadata.createdAt === undefined ? Number.NaN : Date.parse(document.metadata.createdAt);
  return target.methods.map(({ glob, path }) => ({
    route,
    document: label,
    service: target.service,
    method: glob,
    path,
    principals,
    headers,
    createdAtMs: Number.isNaN(createdAtMs) ? Number.POSITIVE_INFINITY : createdAtMs,
  }));
}

const EVERY_METHOD = Object.freeze([Object.freeze({ glob: undefined, path: "spec.match" })]);

function compileTarget(match: RouteMatch, findings: Findings): Target | undefined {
  if (match.subject !== undefined) {
    if (match.service === undefined && match.methods === undefined) return compileSubject(match.subject, findings);
    findings.error("spec.match", "subject stands instead of service and methods: set one or the other");
    return undefined;
  }
  if (match.service === undefined) {
    findings.error("spec.match", 'service or subject is needed: a Route for every service is subject: ">"');
    return undefined;
  }
  if (match.methods === undefined) return { service: match.service, methods: EVERY_METHOD };
  if (match.methods.length === 0)
    findings.warning("spec.match.methods", "an empty list matches no method: leave it out to match every method");
  const byPattern = new Map<string, Target["methods"][number]>();
  match.methods.forEach((method, index) => {
    const path = `spec.match.methods[${index}]`;
    if (byPattern.has(method)) findings.warning(path, `${method} is listed twice`);
    else byPattern.set(method, { glob: method === "*" ? undefined : compileGlob(method), path });
  });
  return { service: match.service, methods: [...byPattern.values()] };
}

/** `<service>.<method>` with NATS wildcards: `*` for one token, `>` for the rest. */
function compileSubject(subject: string, findings: Findings): Target | undefined {
  const path = "spec.match.subject";
  const tokens = subject.split(".");
  const [service, method] = tokens;
  const problem = subjectProblem(tokens);
  if (service === undefined || problem !== undefined) {
    findings.error(path, `${JSON.stringify(subject)} ${problem ?? "is empty"}`);
    return undefined;
  }
  const named = service === "*" || service === ">" ? undefined : service;
  const glob = method === undefined || method === "*" || method === ">" ? undefined : compileGlob(method);
  return { service: named, methods: [{ glob, path }] };
}

function subjectProblem(tokens: readonly string[]): string | undefined {
  if (tokens.includes("")) return "has an empty token";
  const tail = tokens.indexOf(">");
  if (tail >= 0 && tail !== tokens.length - 1) return "has > before its end: it stands for all the rest";
  if (tail > 1 || tokens.length > 2)
    return "has more than two tokens and matches no call: a call is <service>.<method>";
  if (tokens.length < 2 && tail < 0)
    return "has one token and matches no call: a call is <service>.<method>, all methods are <service>.*";
  const partial = tokens.find((token) => token.length > 1 && /[*>]/.test(token));
  return partial === undefined
    ? undefined
    : `has a wildcard inside the token ${partial}: in a subject it stands for a whole token; use service and methods for patterns`;
}

function compileAim(document: RouteDocument, called: string | undefined, findings: Findings): CompiledRoute {
  const { spec, metadata } = document;
  const destinations = compileDestinations(document, called, findings);
  const rewriteMethod = spec.rewrite?.method;
  if (rewriteMethod !== undefined && !isMethodName(rewriteMethod)) {
    findings.error("spec.rewrite.method", `${JSON.stringify(rewriteMethod)} is no method name`);
  }
  const timeoutMs = checkedMs(spec.timeoutMs, "spec.timeoutMs", findings);
  const perTryTimeoutMs = checkedMs(spec.perTryTimeoutMs, "spec.perTryTimeoutMs", findings);
  if (timeoutMs !== undefined && perTryTimeoutMs !== undefined && perTryTimeoutMs >= timeoutMs) {
    findings.warning(
      "spec.perTryTimeoutMs",
      `${perTryTimeoutMs} ms a try leave no time for another within timeoutMs of ${timeoutMs} ms`,
    );
  }
  return Object.freeze({
    name: metadata.name,
    destinations,
    totalWeight: destinations.reduce((sum, destination) => sum + destination.weight, 0),
    rewriteMethod,
    timeoutMs,
    perTryTimeoutMs,
    retries: compileRetries(spec.retries, "spec.retries", findings),
    keySeed: hashText(metadata.name, HASH_SEED),
    settingsKept: new Map(),
  });
}

/** A Route without destinations sends its calls to all instances. */
const ALL_INSTANCES = Object.freeze([{ weight: 1 }]);

function compileDestinations(
  { spec }: RouteDocument,
  called: string | undefined,
  findings: Findings,
): readonly CompiledDestination[] {
  const given = spec.destinations.length === 0 ? ALL_INSTANCES : spec.destinations;
  const compiled = given.map((destination, index) => compileDestination(destination, index, called, findings));
  const destinations = compiled.filter((destination) => destination !== undefined);
  if (destinations.length > 0 && destinations.every(({ weight }) => weight === 0)) {
    findings.error(
      "spec.destinations",
      "all weights are zero, so no call could go anywhere: give at least one a weight above 0",
    );
  }
  const seen = new Set<string>();
  for (const { label, index } of destinations) {
    if (seen.has(label))
      findings.warning(
        `spec.destinations[${index}]`,
        `the same instances are named twice (${label === "" ? "all" : label}): add the weights`,
      );
    seen.add(label);
  }
  return Object.freeze(destinations);
}

function checkedMs(value: number | undefined, path: string, findings: Findings): number | undefined {
  if (value === undefined || (Number.isFinite(value) && value > 0)) return value;
  findings.error(path, `a timeout is a number of milliseconds above 0, not ${String(value)}`);
  return undefined;
}
