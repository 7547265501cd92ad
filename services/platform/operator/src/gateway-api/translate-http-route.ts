// Rules of an HTTPRoute → Routes of the mesh. A call of the mesh is read as a request to the path of its method; it has no
// query, no host and no verb but POST.
import { MAX_TIMEOUT_MS, type RetryCondition, type RouteMatch } from "@malla/sdk/contract";
import { EVERY_METHOD, type Methods, methodsOfPath } from "./method-patterns.ts";
import { parseDuration } from "./parse-duration.ts";
import { brief, type Fields, Refusals } from "./refusals.ts";
import {
  destinationsOf,
  headersOf,
  type RuleActions,
  type RuleContext,
  refuseFilter,
  type TranslatedRule,
} from "./rule-parts.ts";

const RULE_FIELDS = new Set(["name", "matches", "filters", "backendRefs", "timeouts", "retry"]);
const MATCH_FIELDS = new Set(["path", "headers", "method", "queryParams"]);
const PATH_FIELDS = new Set(["type", "value"]);
const TIMEOUT_FIELDS = new Set(["request", "backendRequest"]);
const RETRY_FIELDS = new Set(["codes", "attempts", "backoff"]);
const FILTER_FIELDS = new Set(["type", "urlRewrite"]);
const REWRITE_FIELDS = new Set(["path"]);
const REWRITE_PATH_FIELDS = new Set(["type", "replaceFullPath", "replacePrefixMatch"]);
const MAX_ATTEMPTS = 10;

/** HTTP numbers a rule may name, and what the mesh calls what they stand for. */
export const CONDITIONS: Readonly<Record<number, readonly RetryCondition[]>> = {
  409: ["aborted"],
  429: ["resource-exhausted"],
  500: ["internal", "unknown"],
  502: ["gone"],
  503: ["unavailable"],
  504: ["deadline"],
};

/** Never throws: what the mesh cannot do is in `refused`. */
export function translateHttpRule(rule: unknown, index: number, context: RuleContext): TranslatedRule {
  const refusals = new Refusals();
  const at = `rules[${index}]`;
  const fields = refusals.map(rule, at, RULE_FIELDS);
  const written = refusals.list(fields.matches, `${at}.matches`);
  // Without matches, and for each part of one that is left out, the standard has a prefix of "/": every call.
  const matches = (written.length === 0 ? [{}] : written).map((match, place) =>
    matchOf(match, `${at}.matches[${place}]`, context, refusals),
  );
  const { destinations, unresolved } = destinationsOf(fields.backendRefs, `${at}.backendRefs`, context, refusals);
  const does: RuleActions = {
    destinations,
    ...rewriteOf(fields, written, at, context, refusals),
    ...timeoutsOf(fields.timeouts, `${at}.timeouts`, refusals),
    ...retriesOf(fields.retry, `${at}.retry`, refusals),
  };
  return { index, refused: refusals.messages, matches, does, unresolved };
}

function matchOf(match: unknown, at: string, { parent }: RuleContext, refusals: Refusals): RouteMatch {
  const fields = refusals.map(match, at, MATCH_FIELDS);
  const { methods } = pathOf(fields.path, `${at}.path`, parent.service, refusals);
  const verb = refusals.text(fields.method, `${at}.method`);
  if (verb !== undefined && verb !== "POST")
    refusals.refuse(`${at}.method`, `${brief(verb)} would never match: a call of the mesh is a POST`);
  if (refusals.list(fields.queryParams, `${at}.queryParams`).length > 0)
    refusals.refuse(`${at}.queryParams`, "would never match: a call of the mesh has no query");
  return {
    service: parent.service,
    ...(methods === undefined ? {} : { methods }),
    ...headersOf(fields.headers, `${at}.headers`, refusals),
  };
}

function pathOf(path: unknown, at: string, service: string, refusals: Refusals): Methods {
  const fields = refusals.map(path, at, PATH_FIELDS);
  const type = refusals.text(fields.type, `${at}.type`) ?? "PathPrefix";
  const value = refusals.text(fields.value, `${at}.value`) ?? "/";
  const methods = methodsOfPath(type, value, service);
  if (typeof methods !== "string") return methods;
  refusals.refuse(at, methods);
  return EVERY_METHOD;
}

/** Of the filters only a rewrite of the whole path to that of another method has a word in the mesh. */
function rewriteOf(
  { filters }: Fields,
  matches: readonly unknown[],
  at: string,
  { parent }: RuleContext,
  refusals: Refusals,
): Pick<RuleActions, "rewrite"> {
  let method: string | undefined;
  for (const [index, filter] of refusals.list(filters, `${at}.filters`).entries()) {
    const path = `${at}.filters[${index}]`;
    const type = (filter as Fields | null)?.type;
    if (type !== "URLRewrite") {
      refuseFilter(type, path, refusals);
      continue;
    }
    if (method !== undefined) refusals.refuse(path, "URLRewrite stands twice");
    const rewrite = refusals.map(
      refusals.map(filter, path, FILTER_FIELDS).urlRewrite,
      `${path}.urlRewrite`,
      REWRITE_FIELDS,
    );
    method = rewrittenMethod(rewrite.path, matches, `${path}.urlRewrite.path`, parent.service, refusals);
  }
  return method === undefined ? {} : { rewrite: { method } };
}

function rewrittenMethod(
  path: unknown,
  matches: readonly unknown[],
  at: string,
  service: string,
  refusals: Refusals,
): string | undefined {
  const fields = refusals.map(path, at, REWRITE_PATH_FIELDS);
  const type = refusals.text(fields.type, `${at}.type`);
  const isFull = type === "ReplaceFullPath";
  if (!isFull && type !== "ReplacePrefixMatch") {
    refusals.refuse(at, "needs type ReplaceFullPath or ReplacePrefixMatch");
    return undefined;
  }
  // Replacing the prefix of a path replaces all of it where the prefix is the path of one method.
  if (!isFull && matches.some((match) => !namesOneMethod(match, service))) {
    refusals.refuse(at, "ReplacePrefixMatch needs matches whose path is that of one method");
    return undefined;
  }
  const field = isFull ? "replaceFullPath" : "replacePrefixMatch";
  const value = refusals.text(fields[field], `${at}.${field}`) ?? "";
  const replaced = methodsOfPath("Exact", value, service);
  if (typeof replaced !== "string") return replaced.methods?.[0];
  refusals.refuse(`${at}.${field}`, replaced);
  return undefined;
}

function namesOneMethod(match: unknown, service: string): boolean {
  const { type = "PathPrefix", value = "/" } = ((match as Fields | null)?.path ?? {}) as Fields;
  if (type !== "PathPrefix" || typeof value !== "string") return false;
  const methods = methodsOfPath("PathPrefix", value, service);
  return typeof methods !== "string" && methods.methods?.length === 1;
}

/** 0 turns a timeout off; the mesh has a longest deadline instead. */
function timeoutsOf(
  value: unknown,
  at: string,
  refusals: Refusals,
): Pick<RuleActions, "timeoutMs" | "perTryTimeoutMs"> {
  const fields = refusals.map(value, at, TIMEOUT_FIELDS);
  const request = durationOf(fields.request, `${at}.request`, refusals);
  const backend = durationOf(fields.backendRequest, `${at}.backendRequest`, refusals);
  const timeoutMs = request === 0 ? MAX_TIMEOUT_MS : request;
  if (backend !== undefined && timeoutMs !== undefined && backend > timeoutMs)
    refusals.refuse(`${at}.backendRequest`, "must be no longer than request");
  return {
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(backend === undefined || backend === 0 ? {} : { perTryTimeoutMs: backend }),
  };
}

/**
 * A lost connection is tried again whatever the codes. The mesh repeats only what has not run or may run twice, so a code adds
 * nothing for a method that is not idempotent.
 */
function retriesOf(value: unknown, at: string, refusals: Refusals): Pick<RuleActions, "retries"> {
  if (value === undefined || value === null) return {};
  const fields = refusals.map(value, at, RETRY_FIELDS);
  const attempts = refusals.count(fields.attempts, `${at}.attempts`, 0, MAX_ATTEMPTS);
  const delayMs = durationOf(fields.backoff, `${at}.backoff`, refusals);
  const on = new Set<RetryCondition>(["gone"]);
  for (const [index, code] of refusals.list(fields.codes, `${at}.codes`).entries()) {
    const conditions = typeof code === "number" && Object.hasOwn(CONDITIONS, code) ? CONDITIONS[code] : undefined;
    if (conditions === undefined)
      refusals.refuse(
        `${at}.codes[${index}]`,
        `${brief(code)} is not supported; ${Object.keys(CONDITIONS).join(", ")} are`,
      );
    for (const condition of conditions ?? []) on.add(condition);
  }
  // The standard's back-off is the shortest wait there may be, which only a fixed one promises.
  const backoff = delayMs === undefined ? {} : { backoff: { fixed: { delayMs } } };
  return { retries: { ...(attempts === undefined ? {} : { attempts }), on: [...on].sort(), ...backoff } };
}

function durationOf(value: unknown, at: string, refusals: Refusals): number | undefined {
  const text = refusals.text(value, at);
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms === undefined) refusals.refuse(at, `${brief(text)} is no duration; write for example 500ms or 1m30s`);
  else if (ms <= MAX_TIMEOUT_MS) return ms;
  else refusals.refuse(at, `${text} is more than ${MAX_TIMEOUT_MS / 1000} s, the most the mesh allows`);
  return undefined;
}
