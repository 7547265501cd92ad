// Rules of a GRPCRoute → Routes of the mesh. The parent names the service of the mesh; the gRPC service in a match must be
// the same under its protobuf name.
import { isMethodName, type RouteMatch } from "@malla/sdk/contract";
import { compileRegex } from "@malla/sdk/engine";
import { EVERY_METHOD, type Methods, methodsOfRegex } from "./method-patterns.ts";
import { brief, Refusals } from "./refusals.ts";
import type { ResolvedService } from "./resolve-service.ts";
import { destinationsOf, headersOf, type RuleContext, refuseFilter, type TranslatedRule } from "./rule-parts.ts";

const RULE_FIELDS = new Set(["name", "matches", "filters", "backendRefs"]);
const MATCH_FIELDS = new Set(["method", "headers"]);
const METHOD_FIELDS = new Set(["type", "service", "method"]);

/** Never throws: what the mesh cannot do is in `refused`. */
export function translateGrpcRule(rule: unknown, index: number, context: RuleContext): TranslatedRule {
  const refusals = new Refusals();
  const at = `rules[${index}]`;
  const fields = refusals.map(rule, at, RULE_FIELDS);
  const written = refusals.list(fields.matches, `${at}.matches`);
  const matches = (written.length === 0 ? [{}] : written).map((match, place) =>
    matchOf(match, `${at}.matches[${place}]`, context.parent, refusals),
  );
  for (const [place, filter] of refusals.list(fields.filters, `${at}.filters`).entries())
    refuseFilter((filter as { type?: unknown } | null)?.type, `${at}.filters[${place}]`, refusals);
  const { destinations, unresolved } = destinationsOf(fields.backendRefs, `${at}.backendRefs`, context, refusals);
  return { index, refused: refusals.messages, matches, does: { destinations }, unresolved };
}

function matchOf(match: unknown, at: string, parent: ResolvedService, refusals: Refusals): RouteMatch {
  const fields = refusals.map(match, at, MATCH_FIELDS);
  const { methods } = methodsOf(fields.method, `${at}.method`, parent, refusals);
  return {
    service: parent.service,
    ...(methods === undefined ? {} : { methods }),
    ...headersOf(fields.headers, `${at}.headers`, refusals),
  };
}

function methodsOf(value: unknown, at: string, parent: ResolvedService, refusals: Refusals): Methods {
  const fields = refusals.map(value, at, METHOD_FIELDS);
  const type = refusals.text(fields.type, `${at}.type`) ?? "Exact";
  const service = refusals.text(fields.service, `${at}.service`) ?? "";
  const method = refusals.text(fields.method, `${at}.method`) ?? "";
  if (type !== "Exact" && type !== "RegularExpression") {
    refusals.refuse(`${at}.type`, `${brief(type)} is not supported; Exact and RegularExpression are`);
    return EVERY_METHOD;
  }
  const problem = service === "" ? undefined : serviceProblem(type, service, parent);
  if (problem !== undefined) refusals.refuse(`${at}.service`, problem);
  if (method === "") return EVERY_METHOD;
  const methods = type === "Exact" ? exactly(method) : methodsOfRegex(method);
  if (typeof methods !== "string") return methods;
  refusals.refuse(`${at}.method`, methods);
  return EVERY_METHOD;
}

function exactly(method: string): Methods | string {
  return isMethodName(method) ? { methods: [method] } : `${brief(method)} is no method of the mesh`;
}

function serviceProblem(
  type: "Exact" | "RegularExpression",
  service: string,
  { service: meshName, grpcService }: ResolvedService,
): string | undefined {
  const known = grpcService === undefined ? meshName : `${grpcService} or ${meshName}`;
  if (type === "Exact") {
    if (service === grpcService || service.replace(/^\./, "") === grpcService) return undefined;
    if (grpcService === undefined ? meshNameOf(service) === meshName : service === meshName) return undefined;
    return `${brief(service)} is not the gRPC service of the parent, which is ${known}; annotation malla.dev/grpc-service on the parent says its full name`;
  }
  const regex = compileRegex(service);
  if (typeof regex === "string") return regex;
  if (regex.matches(meshName) || (grpcService !== undefined && regex.matches(grpcService))) return undefined;
  return `the expression ${brief(service)} does not match the gRPC service of the parent, which is ${known}`;
}

/** `shop.OrderHistory` → `order-history`: the SDK's name for a contract where nobody gives another. */
function meshNameOf(service: string): string {
  const last = service.slice(service.lastIndexOf(".") + 1);
  return last
    .replace(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1-$2")
    .replaceAll("_", "-")
    .toLowerCase();
}
