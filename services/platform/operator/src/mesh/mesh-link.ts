// The operator's two connections to the broker: account CTRL, where the policy lives, and account MESH, where routers say what
// they have in force. Both are tried until they are there, and come back by themselves.
import { setTimeout as sleep } from "node:timers/promises";
import { issueCredentials, type Keys, policyPublicKey, policySigningKey } from "@malla/broker-config";
import { connectNats, type NatsBroker, openKeyValue, type TlsFiles } from "@malla/sdk/broker";
import { subscriptions } from "@malla/sdk/contract";
import {
  POLICY_BUCKET,
  type PolicyChange,
  type PolicyHead,
  type PolicySnapshot,
  PolicyStore,
} from "@malla/sdk/discovery";
import type { Logger } from "@malla/sdk/telemetry";
import { RouterRevisions } from "./router-revisions.ts";

/** The name operators go by; their role is called the same. */
const OPERATOR = "operator";
/** Wait between two first dials, in ms. */
const REDIAL_MS = 1_000;
const SWEEP_MS = 1_000;
/** What lies in the bucket is read whole this often, in ms: a document that somebody deleted under the head is put back. */
const AFRESH_MS = 30_000;
/** Stands as author in the history of the policy. */
const AUTHOR = "kubernetes";

export interface MeshLinkOptions {
  readonly servers: readonly string[];
  /** Undefined: no TLS, or by what the system trusts. */
  readonly tls: TlsFiles | undefined;
  readonly keys: Keys;
  /** For names of connections. */
  readonly identity: string;
  /** Called when a connection came or went, and when a router took a revision. */
  readonly onChange: () => void;
  readonly log: Logger;
}

export class MeshLink {
  readonly routers = new RouterRevisions();
  readonly #options: MeshLinkOptions;
  readonly #stop = new AbortController();
  readonly #opened: NatsBroker[] = [];
  readonly #seed: Uint8Array;
  #store: PolicyStore | undefined;
  #control: NatsBroker | undefined;
  #readAfreshAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #downSinceMs: number | undefined = performance.now();

  constructor(options: MeshLinkOptions) {
    this.#options = options;
    this.#seed = new TextEncoder().encode(policySigningKey(options.keys).reveal());
  }

  /** Whether the policy can be read and written now. */
  get connected(): boolean {
    return this.#control?.connected === true && this.#store !== undefined;
  }

  /** How long it could not, in ms; 0 if it can. */
  get downForMs(): number {
    if (this.connected) return 0;
    return performance.now() - (this.#downSinceMs ?? performance.now());
  }

  start(): void {
    void this.#open("CTRL", async (broker) => {
      const bucket = await openKeyValue(broker, POLICY_BUCKET);
      this.#store = new PolicyStore(bucket, policyPublicKey(this.#options.keys));
      this.#control = broker;
      this.#downSinceMs = undefined;
    });
    void this.#open("MESH", async (broker) => {
      broker.subscribe(subscriptions.routers, ({ subject, payload }) => {
        if (this.routers.hear(subject, payload)) this.#options.onChange();
      });
      await broker.flush();
      this.routers.listening();
    });
    this.#timer = setInterval(() => this.routers.sweep(), SWEEP_MS);
  }

  /** What is there, documents that somebody deleted left out. Rejects if the broker cannot be reached. */
  async read(): Promise<PolicySnapshot> {
    const now = performance.now();
    const afresh = now - this.#readAfreshAtMs >= AFRESH_MS;
    const snapshot = await this.#policy().readWhatIsThere({ afresh });
    if (afresh) this.#readAfreshAtMs = now;
    for (const { kind, name } of snapshot.missing ?? [])
      this.#options.log.error(
        { document: `${kind}/${name}` },
        "a document of the policy is not in its bucket any more",
      );
    return snapshot;
  }

  /** Revision of the head's key in the bucket: it grows with whatever anybody does to the policy. */
  async headKeyRevision(): Promise<number> {
    const { keyRevision } = await this.#policy().readHead();
    return keyRevision;
  }

  /** Applies a change by compare-and-set. Rejects with a PolicyConflict if another writer was first. */
  async write(base: PolicySnapshot, change: PolicyChange): Promise<PolicyHead> {
    return await this.#policy().write(base, change, AUTHOR, this.#seed);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    clearInterval(this.#timer);
    await Promise.all(this.#opened.map(async (broker) => broker.close()));
  }

  #policy(): PolicyStore {
    if (this.#store === undefined) throw new Error("the broker has not been reached yet");
    return this.#store;
  }

  /** Dials until it is there and `ready` has gone through. */
  async #open(account: "CTRL" | "MESH", ready: (broker: NatsBroker) => Promise<void>): Promise<void> {
    const { keys, servers, tls, identity, log, onChange } = this.#options;
    let told = false;
    while (!this.#stop.signal.aborted) {
      let broker: NatsBroker | undefined;
      try {
        // Signed for this process alone and never written down.
        const credentials = await issueCredentials(keys, { name: OPERATOR, role: OPERATOR, account });
        broker = await connectNats({
          servers,
          credentials,
          name: `${identity}/${account}`,
          inboxPrefix: `_INBOX.${OPERATOR}`,
          ...(tls === undefined ? {} : { tls }),
          onCallbackError: (error, subject) => log.error({ err: error, subject }, "a message could not be handled"),
        });
        if (this.#stop.signal.aborted) return await broker.close();
        await ready(broker);
        this.#opened.push(broker);
        this.#watch(broker, account);
        log.info({ account, server: broker.server }, "connected to the broker");
        return onChange();
      } catch (error) {
        await broker?.close();
        if (!told) log.warn({ err: error, account }, "the broker cannot be reached; trying on");
        told = true;
        await sleep(REDIAL_MS, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      }
    }
  }

  #watch(broker: NatsBroker, account: "CTRL" | "MESH"): void {
    const { log, onChange } = this.#options;
    broker.onStatus((status) => {
      if (status.type === "denied") {
        const { operation, subject } = status;
        log.error({ account, operation, subject }, "the broker refused what the operator needs");
        return;
      }
      if (status.type !== "connected" && status.type !== "disconnected") return;
      const up = status.type === "connected";
      log[up ? "info" : "warn"]({ account }, `the connection to the broker is ${up ? "up again" : "down"}`);
      if (account === "CTRL") this.#downSinceMs = up ? undefined : performance.now();
      else if (up) this.routers.listening();
      else this.routers.deaf();
      onChange();
    });
  }
}
