export { ApiServer, type CommandOutcome, runProgram } from "./api-server.ts";
export {
  findKubernetes,
  KUBERNETES_PROGRAMS,
  KUBERNETES_VERSION,
  type KubernetesBinaries,
  kubernetesCacheFolder,
} from "./kubernetes-binaries.ts";
export { type ClusterOptions, KubernetesCluster } from "./kubernetes-cluster.ts";
export { type KubernetesOrSkip, kubernetesOrSkip, nodesOrSkip } from "./kubernetes-or-skip.ts";
