// A mesh of any size as documents and announcements: services that all look alike, so that what grows is the number alone.
import { type AccessPolicyDocument, API_VERSION, type MeshDocument, type RouteDocument } from "@malla/sdk/contract";
import { Registry } from "@malla/sdk/discovery";
import { instanceState } from "@malla/sdk/testing";

export interface Size {
  readonly services: number;
  /** Routes and AccessPolicies, as many of the one as of the other. */
  readonly rules: number;
  readonly instances: number;
}

export const SMALL: Size = { services: 1, rules: 10, instances: 10 };
export const LARGE: Size = { services: 1_000, rules: 10_000, instances: 10_000 };
/** The same numbers on one service alone. */
export const LARGE_ON_ONE: Size = { services: 1, rules: 10_000, instances: 10_000 };

export const METHODS = ["get", "getAll", "list", "put", "remove"] as const;
export const PRINCIPALS = ["web", "cart", "checkout", "cron", "partner"] as const;

export function serviceName(index: number): string {
  return `service-${index}`;
}

/** One rule a document: Routes by method, some for a header, and AccessPolicies that allow principals. */
export function documentsOf({ services, rules }: Size): MeshDocument[] {
  const each = Math.ceil(rules / services / 2);
  const documents: MeshDocument[] = [];
  for (let s = 0; s < services; s++) {
    for (let i = 0; i < each; i++) documents.push(route(s, i), access(s, i));
  }
  return documents;
}

function route(service: number, index: number): RouteDocument {
  const methods = [nthMethod(index)];
  const headers = index % 5 === 4 ? { headers: { "x-beta": { exact: "yes" } } } : {};
  return {
    apiVersion: API_VERSION,
    kind: "Route",
    metadata: { name: `route-${service}-${index}`, createdAt: "2026-01-01T00:00:00Z" },
    spec: {
      match: { service: serviceName(service), methods, ...headers },
      destinations: [
        { version: "1.x", weight: 90, failover: "any" },
        { version: "2.x", weight: 10, failover: "any" },
      ],
      timeoutMs: 2_000,
    },
  };
}

function access(service: number, index: number): AccessPolicyDocument {
  return {
    apiVersion: API_VERSION,
    kind: "AccessPolicy",
    metadata: { name: `access-${service}-${index}` },
    spec: {
      service: serviceName(service),
      action: "allow",
      mode: "enforce",
      rules: [{ principals: [nthPrincipal(index), `job-${index}-*`], methods: [nthMethod(index), "list*"] }],
    },
  };
}

/** The first few have names that services share, the others are each its own. */
export function nthMethod(index: number): string {
  return METHODS[index] ?? `method${index}`;
}

export function nthPrincipal(index: number): string {
  return PRINCIPALS[index] ?? `principal-${index}`;
}

export function registryOf({ services, instances }: Size): Registry {
  const registry = new Registry();
  const each = Math.ceil(instances / services);
  for (let s = 0; s < services; s++) {
    for (let i = 0; i < each; i++) {
      const state = instanceState({ version: i % 2 === 0 ? "1.4.0" : "2.0.0", methods: METHODS });
      registry.announce("sdk", serviceName(s), `instance-${i}`, state, 0);
    }
  }
  return registry;
}

/** Ten thousand rules in as many documents as a policy may have: Routes, and AccessPolicies of four rules each. */
export function policyDocuments(): MeshDocument[] {
  const documents: MeshDocument[] = [];
  for (let s = 0; s < LARGE.services; s++) {
    for (let i = 0; i < 2; i++) {
      const guard = access(s, i);
      const rules = Array.from({ length: 4 }, (_, rule) => ({
        principals: [nthPrincipal(rule), `job-${i}-${rule}-*`],
        methods: [nthMethod(rule), "list*"],
      }));
      documents.push(route(s, i), { ...guard, spec: { ...guard.spec, rules } });
    }
  }
  return documents;
}
