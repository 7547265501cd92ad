// The policy under which Malla is measured: nothing of it is switched off, and every call is matched against all of it.

/** Routes of each service, of which the last one wins. */
const ROUTES = 10;

/** Documents as YAML: access for these callers alone, ten routes a service, the service's own settings. */
export function benchPolicy(services: readonly string[], callers: readonly string[]): string {
  return services.flatMap((service) => [access(service, callers), settings(service), ...routes(service)]).join("---\n");
}

function access(service: string, callers: readonly string[]): string {
  return `apiVersion: malla.dev/v1
kind: AccessPolicy
metadata: { name: ${service}-callers }
spec:
  service: ${service}
  action: allow
  rules:
    - { principals: [elsewhere], methods: ["admin*"] }
    - { principals: [${callers.join(", ")}], methods: [echo] }
`;
}

function settings(service: string): string {
  return `apiVersion: malla.dev/v1
kind: ServicePolicy
metadata: { name: ${service} }
spec:
  service: ${service}
  loadBalancer: p2c
  timeoutMs: 10000
  idempotentMethods: [echo]
  direct: true
`;
}

/** The first nine match the method and ask for a header that a call does not have; so none of them can be left out early. */
function routes(service: string): readonly string[] {
  return Array.from({ length: ROUTES }, (_, i) => {
    const last = i === ROUTES - 1;
    const match = last ? "" : `, headers: { x-bench-${i}: { exact: "yes" } }`;
    return `apiVersion: malla.dev/v1
kind: Route
metadata: { name: ${service}-${i} }
spec:
  match: { service: ${service}, methods: [echo]${match} }
  timeoutMs: 10000
  retries: { attempts: 2, "on": [unavailable], budget: { percent: 20, minPerSecond: 10 } }
`;
  });
}
