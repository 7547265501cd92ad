// The operator put together: what is watched, what runs when it changes, and who may write.
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { ensureKeys, type Keys, keysFolder } from "@malla/broker-config";
import { createAdminServer, createLog, type HealthCheck, type Log } from "@malla/sdk/telemetry";
import type { OperatorConfig } from "./config.ts";
import { ClaimedNames } from "./credentials/claimed-names.ts";
import { CredentialsPass } from "./credentials/credentials-pass.ts";
import { IssuerSource } from "./credentials/issuer-source.ts";
import { LedgerStore } from "./credentials/ledger-store.ts";
import { DocumentsPass } from "./documents/documents-pass.ts";
import { GatewaySource } from "./documents/gateway-source.ts";
import { PolicySource } from "./documents/policy-source.ts";
import type { DocumentSource } from "./documents/source.ts";
import type { KubernetesApi } from "./kubernetes/api.ts";
import { connectKubernetes } from "./kubernetes/client-api.ts";
import { EventRecorder } from "./kubernetes/events.ts";
import { Lease } from "./kubernetes/lease.ts";
import { Loop } from "./loop.ts";
import { MeshLink } from "./mesh/mesh-link.ts";
import { createOperatorMetrics, type OperatorMetrics } from "./metrics.ts";
import { leaseName } from "./names.ts";
import { OperatorWatches } from "./operator-watches.ts";

/** What changes within this time becomes one revision, in ms. */
const GATHER_MS = 100;
const RETRY_MS = 1_000;
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
  readonly #mesh: MeshLink;
  readonly #lease: Lease;
  readonly #watches: OperatorWatches;
  readonly #ledger: LedgerStore;
  readonly #names: ClaimedNames;
  readonly #policySource: PolicySource;
  readonly #documents: Loop;
  readonly #credentials: Loop;
  #credentialsPass: CredentialsPass | undefined;
  #headTimer: NodeJS.Timeout | undefined;
  #headRevision = -1;
  #stopped: Promise<void> | undefined;
  #closeAdmin: () => Promise<void> = async () => undefined;

  constructor(parts: OperatorParts) {
    this.#parts = parts;
    const { config, api, identity, log, keys } = parts;
    const { servers, tls, namespace, release } = config;
    const policyChanged = (): void => this.#documents.trigger();
    this.#mesh = new MeshLink({ servers, tls, keys, identity, log, onChange: policyChanged });
    this.#lease = new Lease({
      api,
      key: { namespace, name: leaseName(release) },
      identity,
      onHeld: () => this.#held(),
      onLost: (why) => this.#lost(why),
      onError: (error) => this.#failed("lease", error),
    });
    this.#watches = new OperatorWatches({
      api,
      namespaces: config.watchNamespaces,
      onPolicy: policyChanged,
      // Who has a name decides who may speak for it.
      onClaim: () => this.#everything(),
      onError: (error) => this.#failed("kubernetes", error),
    });
    this.#ledger = new LedgerStore(api, namespace, release);
    this.#names = new ClaimedNames({
      claims: this.#watches.claims,
      namespaces: this.#watches.namespaces,
      listed: [namespace, ...(config.watchNamespaces ?? [])],
      selector: config.namespaceSelector,
      system: namespace,
      ledger: () => this.#ledger.ledger,
    });
    const { sources, policySource } = this.#sources();
    this.#policySource = policySource;
    this.#documents = this.#documentsLoop(sources);
    this.#credentials = this.#credentialsLoop();
  }

  #sources(): { readonly sources: readonly DocumentSource[]; readonly policySource: PolicySource } {
    const { api } = this.#parts;
    const { policies, routes, services, meshServices, grants } = this.#watches;
    const names = this.#names;
    const onError = (error: unknown): void => this.#failed("kubernetes", error);
    const onVerdict = (kind: string, verdict: string): void => this.#metrics.resources.inc({ kind, verdict });
    const policySource = new PolicySource({
      api,
      watches: policies,
      names,
      events: this.#events(),
      onError,
      onVerdict,
    });
    const gateway = new GatewaySource({ api, routes, services, meshServices, grants, names, onError, onVerdict });
    return { sources: [policySource, gateway], policySource };
  }

  #documentsLoop(sources: readonly DocumentSource[]): Loop {
    const { log } = this.#parts;
    const pass = new DocumentsPass({
      sources,
      mesh: this.#mesh,
      mayWrite: () => this.#lease.held,
      onError: (error) => this.#failed("mesh", error),
      onRevision: ({ revision }, count) => {
        this.#metrics.revision.set(revision);
        this.#metrics.changes.inc(count);
        log.info({ revision, documents: count }, "policy written");
      },
    });
    return this.#loop("documents", async () => {
      this.#metrics.resources.reset();
      return await pass.run();
    });
  }

  #credentialsLoop(): Loop {
    const { api, config, log } = this.#parts;
    const { home, tls, workloadUrl } = config;
    const pass = new CredentialsPass({
      api,
      names: this.#names,
      ledger: this.#ledger,
      meshServices: this.#watches.meshServices,
      events: this.#events(),
      issuer: new IssuerSource(async () => ({
        keys: await readKeys(home),
        url: workloadUrl,
        ca: tls?.caFile === undefined ? undefined : await readFile(tls.caFile, "utf8"),
      })),
      mayWrite: () => this.#lease.held,
      onError: (error) => this.#failed("kubernetes", error),
      onIssued: ({ namespace, service }, reason) => {
        this.#metrics.credentials.inc();
        log.info({ namespace, service, reason }, "credentials issued");
      },
    });
    this.#credentialsPass = pass;
    return this.#loop("credentials", async () => await pass.run());
  }

  #loop(name: string, run: () => Promise<boolean>): Loop {
    return new Loop({
      run: async () => {
        const end = this.#metrics.passes.startTimer({ pass: name });
        const well = (await this.#knowsNames()) && (await run());
        end({ result: well ? "done" : "again" });
        return well;
      },
      gatherMs: GATHER_MS,
      retryMs: RETRY_MS,
      everyMs: EVERY_MS,
    });
  }

  /** Who works must know who has which name; what was read while another process worked may be old. */
  async #knowsNames(): Promise<boolean> {
    if (!this.#lease.held || this.#ledger.ledger !== undefined) return true;
    try {
      await this.#ledger.load();
      return true;
    } catch (error) {
      this.#failed("kubernetes", error);
      return false;
    }
  }

  #events(): EventRecorder {
    return new EventRecorder(this.#parts.api, this.#parts.identity, (error) => this.#failed("events", error));
  }

  #everything(): void {
    this.#documents.trigger();
    this.#credentials.trigger();
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
    this.#watches.start();
    this.#lease.start();
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
    this.#watches.stop();
    await Promise.all([this.#documents.stop(), this.#credentials.stop()]);
    await this.#lease.release();
    await this.#mesh.close();
    await this.#closeAdmin();
    log.info({}, "operator stopped");
    await log.flush();
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

  #held(): void {
    this.#parts.log.info({}, "this process holds the lease and works");
    this.#metrics.leader.set(1);
    this.#ledger.forget();
    this.#credentialsPass?.forget();
    this.#everything();
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
        ok: this.#policySource.synced,
        why: "resources have not been listed yet; the log says why",
      },
      { name: "mesh", ok: this.#mesh.connected, why: "not connected to the broker" },
    ];
  }
}
