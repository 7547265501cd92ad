// Keeps the policy in force equal to the head in the bucket: read every second (a watch would be a hint only, failure rule
// 3), fetched whole, verified, compiled, swapped. A head that cannot be trusted or fetched leaves the last good policy.
import { createHash } from "node:crypto";
import type { Broker } from "@malla/sdk/broker";
import type { Runtime } from "@malla/sdk/call";
import { encodePolicyPush, POLICY_LIVE_SUBJECT } from "@malla/sdk/contract";
import {
  documentsIn,
  type LivePolicy,
  openHead,
  type PolicyStore,
  readStoredDocument,
  type SignedHead,
  type StoredDocument,
} from "@malla/sdk/discovery";
import type { PolicyCache } from "./policy-cache.ts";

/** How often the head is read, in ms: a change is live everywhere within twice this. */
const POLL_MS = 1_000;
/** Beyond this only the head is pushed, in bytes; who needs the documents asks. */
export const MAX_PUSH_BYTES = 512 * 1024;
/** Problems of one revision that are written to the log, each a line. */
export const MAX_TOLD_PROBLEMS = 100;
const EMPTY = new Uint8Array(0);

export interface PolicyFollowerOptions {
  readonly broker: Broker;
  readonly runtime: Runtime;
  readonly store: PolicyStore;
  readonly policy: LivePolicy;
  readonly cache: PolicyCache | undefined;
  readonly publicKey: string;
}

export class PolicyFollower {
  readonly #options: PolicyFollowerOptions;
  #head: SignedHead | undefined;
  #documents: readonly StoredDocument[] = [];
  #push: Uint8Array | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #giveUp: () => void = () => undefined;
  #polling = false;
  #lastProblem = "";

  constructor(options: PolicyFollowerOptions) {
    this.#options = options;
  }

  /**
   * Resolves when a policy is in force: the bucket's, or the last good one from disk if that cannot be read. With neither
   * it goes on reading and does not resolve, since calls without a policy would all be let through.
   */
  async start(): Promise<void> {
    const { policy } = this.#options;
    await this.#poll();
    if (!policy.loaded) await this.#fromCache();
    if (this.#isStopped) return;
    await new Promise<void>((resolve) => {
      this.#giveUp = resolve;
      this.#timer = setInterval(() => void this.#poll().then(() => policy.loaded && resolve()), POLL_MS);
      if (policy.loaded) resolve();
    });
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
    this.#giveUp();
  }

  /** Why the last read failed; empty if it did not. */
  get problem(): string {
    return this.#lastProblem;
  }

  /** What `mesh.policy.live` brings: head and documents; an empty head says that there is no policy yet. */
  push(): Uint8Array {
    // Whoever may call may ask, as often as it likes.
    this.#push ??= this.#encodePush();
    return this.#push;
  }

  #encodePush(): Uint8Array {
    const size = this.#documents.reduce((sum, document) => sum + document.bytes.length, 0);
    const complete = size <= MAX_PUSH_BYTES;
    return encodePolicyPush({
      head: this.#head?.bytes ?? EMPTY,
      documents: complete ? this.#documents.map((document) => document.bytes) : [],
      complete,
    });
  }

  async #poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    try {
      await this.#follow();
      this.#lastProblem = "";
    } catch (error) {
      this.#complain(error instanceof Error ? error.message : String(error));
    } finally {
      this.#polling = false;
    }
  }

  async #follow(): Promise<void> {
    const { store, policy } = this.#options;
    const { signed, spoiled } = await store.readHead();
    if (signed === undefined) {
      policy.loadEmpty();
      return;
    }
    await this.#followTo(signed);
    // Told after the last good one is in force.
    if (spoiled !== undefined) throw new Error(spoiled);
  }

  async #followTo(signed: SignedHead): Promise<void> {
    const { store, cache } = this.#options;
    const known = this.#head?.head;
    if (known !== undefined && signed.head.revision <= known.revision) {
      if (signed.head.revision < known.revision) {
        throw new Error(
          `the bucket holds revision ${signed.head.revision}, but revision ${known.revision} was in force: a policy never goes back by itself`,
        );
      }
      return;
    }
    const documents = await store.documentsOf(signed.head);
    await this.#take(signed, documents);
    await cache?.save(signed, documents);
  }

  async #take(signed: SignedHead, documents: readonly StoredDocument[]): Promise<void> {
    const { broker, policy, runtime } = this.#options;
    const problems = await policy.swap(signed.head.revision, documentsIn(documents));
    if (problems === undefined) return;
    this.#head = signed;
    this.#documents = documents;
    this.#push = undefined;
    for (const problem of problems.slice(0, MAX_TOLD_PROBLEMS))
      runtime.telemetry.log.warn({ ...problem }, "a problem in the policy");
    if (problems.length > MAX_TOLD_PROBLEMS)
      runtime.telemetry.log.warn({ more: problems.length - MAX_TOLD_PROBLEMS }, "more problems in the policy");
    runtime.telemetry.configRevision(signed.head.revision);
    runtime.telemetry.log.info(
      { revision: signed.head.revision, documents: documents.length, author: signed.head.author },
      "policy in force",
    );
    if (broker.connected) broker.publish(POLICY_LIVE_SUBJECT, this.push());
  }

  async #fromCache(): Promise<void> {
    const { cache, publicKey, runtime } = this.#options;
    const cached = await cache?.load();
    if (cached === undefined) return;
    const signed = openHead(cached.head, publicKey);
    if (typeof signed === "string") return;
    const byHash = new Map(cached.documents.map((bytes) => [hashOf(bytes), bytes]));
    const documents: StoredDocument[] = [];
    for (const { hash } of signed.head.documents) {
      const bytes = byHash.get(hash);
      // Only what the signed head names by its hash is read at all.
      if (bytes === undefined) return;
      documents.push(readStoredDocument(bytes, hash));
    }
    runtime.telemetry.log.warn(
      { revision: signed.head.revision },
      "the policy cannot be read; the last good one from disk is in force",
    );
    await this.#take(signed, documents);
  }

  /** Once for each problem, not once a second. */
  #complain(problem: string): void {
    if (problem !== this.#lastProblem)
      this.#options.runtime.telemetry.log.error({ problem }, "the policy could not be read; what was in force stays");
    this.#lastProblem = problem;
  }
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
