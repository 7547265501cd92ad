// All documents to one policy: a straight list of passes. Never throws and never stops halfway; what is wrong is said.
import type { MeshDocument } from "../contract/documents.ts";
import { checkRewrites } from "./check-rewrites.ts";
import { compileServiceAccess } from "./compile-access.ts";
import { compileRoute, type RouteEntry } from "./compile-route.ts";
import { compileServicePolicy } from "./compile-service-policy.ts";
import { DEFAULT_SERVICE_SETTINGS, type ServiceSettings } from "./default-settings.ts";
import type { Policy, ServiceAccess } from "./policy.ts";
import type { Findings, Problem } from "./problem.ts";
import { buildRouteTable } from "./route-table.ts";
import { finish, type Slices } from "./slices.ts";
import { findingsOf, labelOf, sortDocuments } from "./sort-documents.ts";

export interface Compiled {
  readonly policy: Policy;
  /** In the order of the documents, then what concerns several. */
  readonly problems: readonly Problem[];
}

/**
 * Compiles all documents of a revision. With errors the policy is still safe to use, if not what was meant: a wrong Route
 * is left out, a wrong setting keeps its default, a wrong AccessPolicy closes. Whoever takes new documents refuses them
 * whole instead.
 */
export function compile(documents: Iterable<MeshDocument>, revision: number): Compiled {
  return finish(compileInSlices(documents, revision));
}

/** The same, for who has something else to do meanwhile: it may be left between any two documents. */
export function* compileInSlices(documents: Iterable<MeshDocument>, revision: number): Slices<Compiled> {
  const problems: Problem[] = [];
  const entries: RouteEntry[] = [];
  const settings = new Map<string, ServiceSettings>();
  const access = new Map<string, ServiceAccess>();
  const sorted = yield* sortDocuments(documents, problems);
  for (const document of sorted.routes) {
    const findings = findingsOf(document, problems);
    entries.push(...(guarded(findings, () => compileRoute(document, labelOf(document), findings)) ?? []));
    yield;
  }
  for (const [service, document] of sorted.servicePolicies) {
    const findings = findingsOf(document, problems);
    settings.set(
      service,
      guarded(findings, () => compileServicePolicy(document, findings)) ?? DEFAULT_SERVICE_SETTINGS,
    );
    yield;
  }
  for (const [service, guards] of sorted.accessPolicies)
    access.set(service, yield* compileServiceAccess(service, guards, problems));
  const routes = yield* buildRouteTable(entries, problems);
  yield* checkRewrites(entries, sorted.services, problems);
  const services = new Set(sorted.services);
  for (const { route } of entries)
    for (const { service } of route.destinations) if (service !== undefined) services.add(service);
  return { policy: Object.freeze({ revision, services, routes, access, settings }), problems };
}

/** Validation stands before compiling; what slips through it is a problem of its document, not an exception of everybody's. */
function guarded<T>(findings: Findings, pass: () => T): T | undefined {
  try {
    return pass();
  } catch (cause) {
    findings.error("spec", `cannot be read: ${cause instanceof Error ? cause.message : "malformed"}`);
    return undefined;
  }
}
