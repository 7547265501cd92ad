// Where the programs of Kubernetes are: KUBEBUILDER_ASSETS, the field's convention, else our own cache, which
// `npm run test:kubernetes` fills. Nothing is fetched here.
import { accessSync, constants } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

export const KUBERNETES_VERSION = "1.37.2";
export const KUBERNETES_PROGRAMS = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kubectl",
  "helm",
] as const;
export type KubernetesProgram = (typeof KUBERNETES_PROGRAMS)[number];

/** Path of each program. */
export type KubernetesBinaries = Readonly<Record<KubernetesProgram, string>>;

/** Where they are kept once they have been fetched. */
export function kubernetesCacheFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache"), "malla", "kubernetes", KUBERNETES_VERSION);
}

/** All programs, or what to tell of those that are missing. */
export function findKubernetes(
  env: Readonly<Record<string, string | undefined>> = process.env,
): KubernetesBinaries | { readonly missing: string } {
  const folders = foldersOf(env);
  const found = KUBERNETES_PROGRAMS.map((program) => [program, locate(program, folders)] as const);
  const missing = missingKubernetes(env);
  if (missing.length === 0) return Object.fromEntries(found) as Record<KubernetesProgram, string>;
  return {
    missing: `${missing.join(", ")} not found in ${folders.join(" or ")}; \`npm run test:kubernetes\` gets them`,
  };
}

/** Programs that are in none of the folders. */
export function missingKubernetes(
  env: Readonly<Record<string, string | undefined>> = process.env,
): readonly KubernetesProgram[] {
  const folders = foldersOf(env);
  return KUBERNETES_PROGRAMS.filter((program) => locate(program, folders) === undefined);
}

function foldersOf(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  return [env.KUBEBUILDER_ASSETS, kubernetesCacheFolder(env)].filter(
    (folder) => folder !== undefined && folder !== "",
  ) as string[];
}

function locate(program: string, folders: readonly string[]): string | undefined {
  return folders.map((folder) => join(folder, program)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
