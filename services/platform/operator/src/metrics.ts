// What the operator counts.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** Above the pass of a large mesh, in seconds. */
const PASS_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export type OperatorMetrics = ReturnType<typeof createOperatorMetrics>;

/** Metrics of one operator, in a registry of their own with those of the process. */
export function createOperatorMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const own = { registers: [registry] };
  return {
    metrics: async (): Promise<string> => await registry.metrics(),
    leader: new Gauge({ ...own, name: "malla_operator_leader", help: "1 while this process holds the Lease." }),
    meshConnected: new Gauge({
      ...own,
      name: "malla_operator_mesh_connected",
      help: "1 while the policy can be read and written.",
    }),
    revision: new Gauge({
      ...own,
      name: "malla_operator_policy_revision",
      help: "Last revision of the policy that this process wrote.",
    }),
    passes: new Histogram({
      ...own,
      name: "malla_operator_pass_duration_seconds",
      help: "Passes, by whether all went well.",
      labelNames: ["pass", "result"] as const,
      buckets: PASS_BUCKETS,
    }),
    changes: new Counter({
      ...own,
      name: "malla_operator_document_changes_total",
      help: "Documents written to the mesh or taken from it.",
    }),
    resources: new Gauge({
      ...own,
      name: "malla_operator_resources",
      help: "Resources by kind and verdict, as of the last pass.",
      labelNames: ["kind", "verdict"] as const,
    }),
    errors: new Counter({
      ...own,
      name: "malla_operator_errors_total",
      help: "Failed requests, by whom they were for.",
      labelNames: ["to"] as const,
    }),
    credentials: new Counter({
      ...own,
      name: "malla_operator_credentials_issued_total",
      help: "Credentials issued for workloads.",
    }),
  };
}
