// Brings the programs of Kubernetes into the cache: those that are missing are built from their Go modules, etcd is unpacked
// from Debian's package where there is one.
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { withLock } from "@malla/broker-config";
import { runTool, unpackDebianPackage } from "../../conformance/tools/index.ts";
import {
  findKubernetes,
  KUBERNETES_VERSION,
  type KubernetesBinaries,
  type KubernetesProgram,
  kubernetesCacheFolder,
  missingKubernetes,
} from "../harness/kubernetes-binaries.ts";
import { type BuildOptions, runStep } from "./build-step.ts";
import { linkerFlags, scratchModule, toolsFile } from "./scratch-module.ts";

const HELM = "helm.sh/helm/v4/cmd/helm@v4.3.1";
/** Kubernetes' own dependency: its version is the one that Kubernetes names. */
const ETCD = "go.etcd.io/etcd/server/v3";
const DRAFT_PREFIX = "draft-";
/** With what each says which version it is; whether it runs at all is asked by it. */
const SAY_VERSION: Readonly<Record<KubernetesProgram, readonly string[]>> = {
  etcd: ["--version"],
  "kube-apiserver": ["--version"],
  "kube-controller-manager": ["--version"],
  "kube-scheduler": ["--version"],
  kubectl: ["version", "--client"],
  helm: ["version"],
};

/** All programs, those that were missing made first. Rejects with what went wrong and what to do. One process at a time makes them. */
export async function getPrograms(options: BuildOptions): Promise<KubernetesBinaries> {
  const cache = kubernetesCacheFolder();
  if (missingKubernetes().length > 0) {
    await mkdir(cache, { recursive: true });
    const waiting = (owner: string): void =>
      options.progress(`waiting for process ${owner}, which gets the programs of Kubernetes`);
    await withLock(`${cache}.lock`, waiting, async () => {
      await sweepDrafts(dirname(cache));
      await makeMissing(cache, options);
    });
  }
  const found = findKubernetes();
  if ("missing" in found) throw new Error(found.missing);
  return found;
}

async function makeMissing(cache: string, options: BuildOptions): Promise<void> {
  const missing = missingKubernetes();
  if (missing.length === 0) return;
  options.progress(`${missing.join(", ")}: not here yet; with two cores this takes about eight minutes, once`);
  const draft = await mkdtemp(join(dirname(cache), DRAFT_PREFIX));
  const keep = async (program: KubernetesProgram): Promise<void> => await intoCache(program, draft, cache, options);
  try {
    const etcdByGo = missing.includes("etcd") && !(await etcdFromDebian(draft, options));
    if (missing.includes("etcd") && !etcdByGo) await keep("etcd");
    if (missing.includes("helm")) {
      await needGo();
      const environment = { GOBIN: draft };
      await runStep({ title: "building helm", command: ["go", "install", HELM], cwd: draft, environment }, options);
      await keep("helm");
    }
    const rest = missing.filter((program) => program !== "helm" && (program !== "etcd" || etcdByGo));
    if (rest.length === 0) return;
    await needGo();
    await writeModule(draft, rest, options);
    const ofKubernetes = rest.filter((program) => program !== "etcd");
    if (rest.includes("etcd")) await build("etcd", [ETCD], join(draft, "etcd"), draft, options);
    // In one go: while one is linked, which takes one core, the next is compiled.
    if (ofKubernetes.length > 0)
      await build(ofKubernetes.join(", "), ofKubernetes.map(packageOf), `${draft}/`, draft, options);
    for (const program of rest) await keep(program);
  } finally {
    // Go writes its modules read-only, but not here: what is here can go.
    await rm(draft, { recursive: true, force: true });
  }
}

async function needGo(): Promise<void> {
  const go = await runTool("go", ["version"]);
  if (go.code === 0) return;
  throw new Error(
    `the programs of Kubernetes ${KUBERNETES_VERSION} cannot be built: there is no Go (https://go.dev/dl). Install it, or set KUBEBUILDER_ASSETS to a folder with them`,
  );
}

async function writeModule(
  draft: string,
  programs: readonly KubernetesProgram[],
  options: BuildOptions,
): Promise<void> {
  const cwd = join(draft, "module");
  await mkdir(cwd);
  const command = ["go", "mod", "download", "-json", `k8s.io/kubernetes@v${KUBERNETES_VERSION}`] as const;
  const told = await runStep({ title: "downloading Kubernetes' sources", command, cwd: draft }, options);
  const { GoMod } = JSON.parse(told) as { readonly GoMod: string };
  await writeFile(join(cwd, "go.mod"), scratchModule(await readFile(GoMod, "utf8"), KUBERNETES_VERSION));
  await writeFile(join(cwd, "tools.go"), toolsFile(programs.map(packageOf)));
  await runStep({ title: "downloading what Kubernetes is built from", command: ["go", "mod", "tidy"], cwd }, options);
}

/** `output`: the program to be made, or with a slash at its end the folder for all of them. */
async function build(
  what: string,
  packages: readonly string[],
  output: string,
  draft: string,
  options: BuildOptions,
): Promise<void> {
  const flags = ["-trimpath", "-ldflags", linkerFlags(KUBERNETES_VERSION)];
  await runStep(
    {
      title: `building ${what}`,
      command: ["go", "build", ...flags, "-o", output, ...packages],
      cwd: join(draft, "module"),
    },
    options,
  );
}

function packageOf(program: KubernetesProgram): string {
  return program === "etcd" ? ETCD : `k8s.io/kubernetes/cmd/${program}`;
}

async function etcdFromDebian(draft: string, { progress }: BuildOptions): Promise<boolean> {
  progress("unpacking etcd from Debian's package etcd-server");
  const folder = await mkdtemp(join(draft, "debian-"));
  const unpacked = await unpackDebianPackage("etcd-server", folder).catch(() => false);
  if (!unpacked) {
    progress("there is no such package here: etcd is built from its Go module");
    return false;
  }
  await rename(join(folder, "usr/bin/etcd"), join(draft, "etcd"));
  return true;
}

/** Tries it, and only then gives it its place. */
async function intoCache(
  program: KubernetesProgram,
  draft: string,
  cache: string,
  { progress }: BuildOptions,
): Promise<void> {
  const made = join(draft, program);
  await chmod(made, 0o755);
  const said = await runTool(made, SAY_VERSION[program]);
  if (said.code !== 0) throw new Error(`${program} was made but does not run: ${said.stderr.trim()}`);
  await rename(made, join(cache, program));
  progress(`${program} is at ${join(cache, program)}`);
}

/** What a process that was killed while it held the lock has left behind. */
async function sweepDrafts(folder: string): Promise<void> {
  const drafts = (await readdir(folder)).filter((name) => name.startsWith(DRAFT_PREFIX));
  await Promise.all(drafts.map(async (name) => await rm(join(folder, name), { recursive: true, force: true })));
}
