// What a test of Kubernetes needs, or the one reason why it is left out.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { findKubernetes, type KubernetesBinaries } from "./kubernetes-binaries.ts";

const NODE_TOOLS = ["ip", "nsenter", "setpriv", "unshare", "mount", "chroot"];

/** For `test(name, { skip }, …)`: false, or the reason; the programs are there if it is false. */
export interface KubernetesOrSkip {
  readonly skip: string | false;
  /** Throws the reason if there is one. */
  readonly binaries: () => KubernetesBinaries;
}

/** For tests that need an API server. */
export function kubernetesOrSkip(): KubernetesOrSkip {
  const found = findKubernetes();
  return "missing" in found ? left(found.missing) : { skip: false, binaries: () => found };
}

/** For tests that run pods too: these need Linux, root, and the tools of its namespaces. */
export function nodesOrSkip(): KubernetesOrSkip {
  const kubernetes = kubernetesOrSkip();
  if (kubernetes.skip !== false) return kubernetes;
  if (process.platform !== "linux") return left("pods need the namespaces of Linux");
  if (process.getuid?.() !== 0) return left("pods need network and mount namespaces, which only root may make here");
  const missing = NODE_TOOLS.filter((tool) => !isOnPath(tool));
  if (missing.length > 0) return left(`pods need ${missing.join(", ")} (Debian: iproute2, util-linux)`);
  return kubernetes;
}

function left(reason: string): KubernetesOrSkip {
  return {
    skip: reason,
    binaries: () => {
      throw new Error(reason);
    },
  };
}

function isOnPath(tool: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
