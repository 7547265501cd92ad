// Every public name of the package.
export { serverFiles } from "./bootstrap/server-files.ts";
export { DEFAULT_OPERATOR_PORT, loadOperatorConfig, type OperatorConfig } from "./config.ts";
export { CRD_FOLDER, crdFiles } from "./crds/crd-files.ts";
export { LEASE_TIMES, type LeaseTimes } from "./kubernetes/lease.ts";
export { CLUSTER_RULES, OPERATOR_RULES, ownRules, type PolicyRule } from "./kubernetes/rbac.ts";
export * from "./names.ts";
export { type RunningOperator, startOperator } from "./operator.ts";
