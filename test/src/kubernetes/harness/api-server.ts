// A real kube-apiserver on a real etcd, both of the test's own, with an administrator's kubeconfig.
import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../harness/free-port.ts";
import { eventually } from "../../harness/index.ts";
import { endInBackground, startInBackground } from "./background-program.ts";
import type { KubernetesBinaries } from "./kubernetes-binaries.ts";

const READY_MS = 60_000;

export interface CommandOutcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; never rejects for its exit code. */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: { readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<CommandOutcome> {
  const child = spawn(program, args, {
    env: { ...process.env, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdin.on("error", () => undefined).end(options.input ?? "");
  return await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}

export class ApiServer {
  readonly binaries: KubernetesBinaries;
  readonly url: string;
  /** Folder of its files; goes when it stops. */
  readonly folder: string;
  /** Of an administrator. */
  readonly kubeconfig: string;
  /** Of an administrator. */
  readonly token: string;
  /** With this key ServiceAccount tokens are signed. */
  readonly serviceAccountKey: string;
  readonly #children: readonly ChildProcess[];

  private constructor(
    binaries: KubernetesBinaries,
    url: string,
    folder: string,
    token: string,
    children: readonly ChildProcess[],
  ) {
    this.binaries = binaries;
    this.url = url;
    this.folder = folder;
    this.kubeconfig = join(folder, "admin.kubeconfig");
    this.serviceAccountKey = join(folder, "service-account.key");
    this.token = token;
    this.#children = children;
  }

  /** Starts both and resolves when the API answers, about ten seconds later. `host`: where it listens; default 127.0.0.1. */
  static async start(binaries: KubernetesBinaries, { host = "127.0.0.1" } = {}): Promise<ApiServer> {
    const folder = await mkdtemp(join(tmpdir(), "malla-kubernetes-"));
    const [client, peer, secure] = [await freePort(), await freePort(), await freePort()];
    const etcdUrl = `http://127.0.0.1:${client}`;
    const peerUrl = `http://127.0.0.1:${peer}`;
    const token = randomBytes(16).toString("hex");
    const key = join(folder, "service-account.key");
    const pair = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      privateKeyEncoding: { type: "pkcs1", format: "pem" },
      publicKeyEncoding: { type: "pkcs1", format: "pem" },
    });
    await writeFile(key, pair.privateKey, { mode: 0o600 });
    const tokens = join(folder, "tokens.csv");
    await writeFile(tokens, `${token},admin,admin,"system:masters"\n`, { mode: 0o600 });
    const url = `https://${host}:${secure}`;
    const etcd = startInBackground(binaries.etcd, join(folder, "etcd.log"), [
      `--data-dir=${join(folder, "etcd")}`,
      "--unsafe-no-fsync",
      `--listen-client-urls=${etcdUrl}`,
      `--advertise-client-urls=${etcdUrl}`,
      `--listen-peer-urls=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
      `--initial-cluster=default=${peerUrl}`,
    ]);
    const api = startInBackground(binaries["kube-apiserver"], join(folder, "kube-apiserver.log"), [
      `--etcd-servers=${etcdUrl}`,
      `--cert-dir=${join(folder, "certificates")}`,
      `--secure-port=${secure}`,
      `--bind-address=${host}`,
      `--service-account-key-file=${key}`,
      `--service-account-signing-key-file=${key}`,
      "--service-account-issuer=https://kubernetes.default.svc",
      `--token-auth-file=${tokens}`,
      "--authorization-mode=RBAC",
      "--service-cluster-ip-range=10.0.0.0/24",
      "--enable-admission-plugins=NodeRestriction",
      "--allow-privileged=false",
    ]);
    const server = new ApiServer(binaries, url, folder, token, [api, etcd]);
    await writeFile(server.kubeconfig, kubeconfigOf(url, token), { mode: 0o600 });
    try {
      await eventually(
        async () => {
          if (api.exitCode !== null || etcd.exitCode !== null) throw new Error("it ended at once");
          const { code, stderr } = await server.kubectl(["get", "--raw", "/readyz"]);
          if (code !== 0) throw new Error(stderr);
          const { stdout } = await server.kubectl(["get", "namespace", "default", "-o", "name"]);
          if (!stdout.includes("default")) throw new Error("it has no namespaces yet");
        },
        { withinMs: READY_MS, everyMs: 250 },
      );
      return server;
    } catch (cause) {
      const log = readFileSync(join(folder, "kube-apiserver.log"), "utf8").slice(-2_000);
      await server.stop();
      throw new Error(`kube-apiserver was not ready within ${READY_MS / 1000} s: ${log}`, { cause });
    }
  }

  /** PEM that vouches for the server's certificate. */
  get caFile(): string {
    return join(this.folder, "certificates", "apiserver.crt");
  }

  /** Runs kubectl as administrator; never rejects for its exit code. */
  async kubectl(args: readonly string[], input?: string): Promise<CommandOutcome> {
    const env = { KUBECONFIG: this.kubeconfig, HOME: this.folder };
    return await runProgram(this.binaries.kubectl, args, { env, ...(input === undefined ? {} : { input }) });
  }

  /** As `kubectl`, but rejects with what it said if it failed. */
  async must(args: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await this.kubectl(args, input);
    if (code !== 0) throw new Error(`kubectl ${args.join(" ")} ended with ${code}: ${stderr}${stdout}`);
    return stdout;
  }

  /** Runs helm as administrator; never rejects for its exit code. */
  async helm(args: readonly string[], input?: string): Promise<CommandOutcome> {
    const env = { KUBECONFIG: this.kubeconfig, HOME: this.folder };
    return await runProgram(this.binaries.helm, args, { env, ...(input === undefined ? {} : { input }) });
  }

  /** A kubeconfig with which one is a ServiceAccount. */
  async kubeconfigFor(namespace: string, serviceAccount: string): Promise<string> {
    const token = (await this.must(["create", "token", serviceAccount, "-n", namespace])).trim();
    const path = join(this.folder, `${namespace}.${serviceAccount}.kubeconfig`);
    await writeFile(path, kubeconfigOf(this.url, token, namespace), { mode: 0o600 });
    return path;
  }

  async stop(): Promise<void> {
    for (const child of this.#children) await endInBackground(child);
    await rm(this.folder, { recursive: true, force: true });
  }
}

function kubeconfigOf(server: string, token: string, namespace = "default"): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster: { server, "insecure-skip-tls-verify": true } }],
    users: [{ name: "user", user: { token } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "user", namespace } }],
    "current-context": "test",
  });
}
