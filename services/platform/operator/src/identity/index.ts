// Credentials for workloads of Kubernetes.
export { IdentityPass, type IdentityPassOptions } from "./identity-pass.ts";
export { parseSelector, type Selector } from "./label-selector.ts";
export { ledgerName } from "./ledger.ts";
export { MeshNames } from "./mesh-names.ts";
