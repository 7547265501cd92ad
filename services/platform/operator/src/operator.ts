// The operator put together: what is watched, what runs when it changes, and who may write.
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { ensureKeys, type Keys, keysFolder } from "@malla/broker-config";
import { createAdminServer, createLog, type HealthCheck, type Log } from "@malla/sdk/telemetry";
import type { OperatorConfig } from "./config.ts";
import { DocumentsPass } from "./documents/documents-pass.ts";
import { PolicySource } from "./documents/policy-source.ts";
import { GatewaySource } from "./gateway-api/index.ts";
import { IdentityPass, ledgerName, parseSelector } from "./identity/index.ts";
import type { KubernetesApi, ResourceKind } from "./kubernetes/api.ts";
import { connectKubernetes } from "./kubernetes/client-api.ts";
import { EventRecorder } from "./kubernetes/events.ts";
import { Lease } from "./kubernetes/lease.ts";
import {
  GRPC_ROUTE,
  HTTP_ROUTE,
  MESH_SERVICE,
  NAMESPACE,
  POLICY_KINDS,
  REFERENCE_GRANT,
  SERVICE,
  WORKLOAD_KINDS,
} from "./kubernetes/resource-kinds.ts";
import { WatchKind } from "./kubernetes/watch-kind.ts";
import { Loop } from "./loop.ts";
import { MeshLink } from "./mesh/mesh-link.ts";
import { createOperatorMetrics, type OperatorMetrics } from "./metrics.ts";

/** What changes within this time becomes one revision, in ms. */
const GATHER_MS = 100;
const RETRY_MS = 1_000;
/** What keeps a Secret from being written, a quota or a role, does not pass at once, in ms. */
const IDENTITY_RETRY_MS = 5_000;
/** All is compared again after this, whatever was heard, in ms. */
const EVERY_MS = 30_000;
/** The head of the policy is looked at this often, in ms: what was changed by hand is put right within it. */
const HEAD_MS = 1_000;

export interface RunningOperator {
  readonly identity: string;
  readonly port: number;
  /** Whether this process holds the Lease. */
  readonly leads: boolean;
  /** Ends what runs, gives the Lease back, closes everything. Safe to call twice. */
  stop(): Promise<void>;
}

/** Starts an operator in this process. Rejects with an Error that says what to do. */
export async function startOperator(
  config: OperatorConfig,
  api: KubernetesApi = connectKubernetes(),
): Promise<RunningOperator> {
  const identity = `${hostname()}-${randomBytes(4).toString("hex")}`;
  const log = createLog({
    level: config.logLevel,
    facts: { operator: identity },
    format: process.stderr.isTTY ? "pretty" : "json",
  });
  const operator = new Operator({ config, api, identity, log, keys: await readKeys(config.home) });
  return await operator.start();
}

/** Keys are made by the bootstrap Job; an operator that made its own would speak for another mesh. */
async function readKeys(home: string): Promise<Keys> {
  const policyKey = join(keysFolder(home), "policy.nk");
  if (!existsSync(policyKey))
    throw new Error(`there are no keys in ${keysFolder(home)}: mount the Secret that the bootstrap Job makes there`);
  return await ensureKeys(home, { applications: [] });
}

interface OperatorParts {
  readonly config: OperatorConfig;
  readonly api: KubernetesApi;
  readonly identity: string;
  readonly log: Log;
  readonly keys: Keys;
}

class Operator {
  readonly #parts: OperatorParts;
  readonly #metrics: OperatorMetrics = createOperatorMetrics();
  readonly #watches: WatchKind[] = [];
  readonly #mesh: MeshLink;
  readonly #lease: Lease;
  readonly #documents: Loop;
  readonly #policySource: PolicySource;
  readonly #identityPass: IdentityPass;
  readonly #identities: Loop;
  #headTimer: NodeJS.Timeout | undefined;
  #headRevision = -1;
  #stopped: Promise<void> | undefined;
  #closeAdmin: () => Promise<void> = async () => undefined;

  constructor(parts: OperatorParts) {
    this.#parts = parts;
    const { config, api, identity, log, keys } = parts;
    const { servers, caFile, namespace, release } = config;
    const changed = (): void => this.#documents.trigger();
    this.#mesh = new MeshLink({ servers, caFile, keys, identity, log, onChange: changed });
    this.#lease = new Lease({
      api,
      key: { namespace, name: `${release}-operator` },
      identity,
      onHeld: () => this.#held(),
      onLost: (why) => this.#lost(why),
      onError: (error) => this.#failed("lease", error),
    });
    const events = new EventRecorder(api, identity, (error) => this.#failed("events", error));
    const onError = (error: unknown): void => this.#failed("kubernetes", error);
    const policyWatches = this.#watch(POLICY_KINDS, changed);
    const onVerdict = (kind: string, verdict: string): void => this.#metrics.resources.inc({ kind, verdict });
    this.#policySource = new PolicySource({ api, watches: policyWatches, events, onError, onVerdict });
    const mayWrite = (): boolean => this.#lease.held;
    const meshServices = this.#watch(
      [MESH_SERVICE],
      () => {
        this.#identities.trigger();
        changed();
      },
      true,
    );
    this.#identityPass = this.#createIdentityPass(meshServices, events);
    this.#identities = new Loop({
      run: async () => await this.#identityPass.run(),
      gatherMs: GATHER_MS,
      retryMs: IDENTITY_RETRY_MS,
      everyMs: EVERY_MS,
    });
    const gatewaySource = new GatewaySource({
      api,
      routes: this.#watch([HTTP_ROUTE, GRPC_ROUTE], changed, true),
      services: this.#watch([SERVICE], changed),
      meshServices,
      grants: this.#watch([REFERENCE_GRANT], changed, true),
      names: () => this.#identityPass.names,
      events,
      onError,
      onVerdict,
    });
    const pass = new DocumentsPass({
      sources: [this.#policySource, gatewaySource],
      mesh: this.#mesh,
      mayWrite,
      onError: (error) => this.#failed("mesh", error),
      onRevision: ({ revision }, count) => {
        this.#metrics.revision.set(revision);
        this.#metrics.changes.inc(count);
        log.info({ revision, documents: count }, "policy written");
      },
    });
    this.#documents = new Loop({
      run: async () => await this.#timed(async () => await pass.run()),
      gatherMs: GATHER_MS,
      retryMs: RETRY_MS,
      everyMs: EVERY_MS,
    });
  }

  async start(): Promise<RunningOperator> {
    const { config, identity, log } = this.#parts;
    const admin = await createAdminServer({
      host: config.host,
      port: config.port,
      metrics: async () => await this.#page(),
      checks: () => this.#checks(),
      settings: { host: "MALLA_METRICS_HOST", port: "MALLA_OPERATOR_PORT" },
      onError: (error, path) => log.error({ err: error, path }, "a page could not be made"),
    });
    this.#closeAdmin = async () => await admin.close();
    this.#mesh.start();
    for (const watch of this.#watches) watch.start();
    this.#lease.start();
    this.#documents.trigger();
    this.#identities.trigger();
    this.#headTimer = setInterval(() => void this.#lookAtHead(), HEAD_MS);
    log.info({ port: admin.port, namespaces: config.watchNamespaces ?? "all" }, "operator started");
    const leads = (): boolean => this.#lease.held;
    return {
      identity,
      port: admin.port,
      get leads() {
        return leads();
      },
      stop: async () => await this.stop(),
    };
  }

  async stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    await this.#stopped;
  }

  async #stop(): Promise<void> {
    const { log } = this.#parts;
    clearInterval(this.#headTimer);
    for (const watch of this.#watches) watch.stop();
    await Promise.all([this.#documents.stop(), this.#identities.stop()]);
    await this.#lease.release();
    await this.#mesh.close();
    await this.#closeAdmin();
    log.info({}, "operator stopped");
    await log.flush();
  }

  #createIdentityPass(meshServices: readonly WatchKind[], events: EventRecorder): IdentityPass {
    const { api, config } = this.#parts;
    const { home, caFile, workloadUrl, namespace, release, watchNamespaces, namespaceSelector } = config;
    const changed = (): void => this.#identities.trigger();
    const onError = (error: unknown): void => this.#failed("identities", error);
    // Who may watch a few namespaces only may not read what they are called: they are all there are.
    const namespaces =
      watchNamespaces === undefined
        ? new WatchKind({ api, kind: NAMESPACE, namespace: undefined, onChange: changed, onError })
        : undefined;
    if (namespaces !== undefined) this.#watches.push(namespaces);
    return new IdentityPass({
      api,
      workloads: this.#watch(WORKLOAD_KINDS, changed),
      meshServices,
      namespaces,
      selector: parseSelector(namespaceSelector),
      // Whoever starts workloads beside the operator can read its keys anyway.
      openNamespaces: watchNamespaces ?? [namespace],
      ledger: { namespace, name: ledgerName(release) },
      issuer: async () => ({
        keys: await readKeys(home),
        url: workloadUrl,
        ca: caFile === undefined ? undefined : await readFile(caFile, "utf8"),
      }),
      events,
      mayWrite: () => this.#lease.held,
      onNames: () => this.#documents.trigger(),
      onIssued: () => this.#metrics.credentials.inc(),
      onError,
    });
  }

  /** A watch for each kind and namespace. */
  #watch(kinds: readonly ResourceKind[], onChange: () => void, optional = false): readonly WatchKind[] {
    const { api, config } = this.#parts;
    const namespaces = config.watchNamespaces ?? [undefined];
    const watches = kinds.flatMap((kind) =>
      namespaces.map(
        (namespace) =>
          new WatchKind({
            api,
            kind,
            namespace,
            optional,
            onChange,
            onError: (error) => this.#failed("kubernetes", error),
          }),
      ),
    );
    this.#watches.push(...watches);
    return watches;
  }

  /** What somebody changed by hand in the bucket is put right. */
  async #lookAtHead(): Promise<void> {
    if (!this.#lease.held || !this.#mesh.connected) return;
    try {
      const revision = await this.#mesh.headKeyRevision();
      if (revision === this.#headRevision) return;
      this.#headRevision = revision;
      this.#documents.trigger();
    } catch (error) {
      this.#failed("mesh", error);
    }
  }

  async #timed(run: () => Promise<boolean>): Promise<boolean> {
    this.#metrics.resources.reset();
    const end = this.#metrics.passes.startTimer();
    const well = await run();
    end({ result: well ? "done" : "again" });
    return well;
  }

  #held(): void {
    this.#parts.log.info({}, "this process holds the lease and works");
    this.#metrics.leader.set(1);
    this.#documents.trigger();
    this.#identities.trigger();
  }

  #lost(why: string): void {
    this.#parts.log.warn({ why }, "this process does not hold the lease any more and has stopped writing");
    this.#metrics.leader.set(0);
  }

  #failed(to: string, error: unknown): void {
    this.#metrics.errors.inc({ to });
    this.#parts.log.warn({ err: error, to }, "a request failed; it is tried again");
  }

  async #page(): Promise<string> {
    this.#metrics.meshConnected.set(this.#mesh.connected ? 1 : 0);
    return await this.#metrics.metrics();
  }

  #checks(): readonly HealthCheck[] {
    return [
      {
        name: "kubernetes",
        ok: this.#policySource.synced && this.#identityPass.synced,
        why: "resources have not been listed yet; the log says why",
      },
      { name: "mesh", ok: this.#mesh.connected, why: "not connected to the broker" },
    ];
  }
}
