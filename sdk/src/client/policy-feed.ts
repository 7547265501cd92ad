// The policy as a service or gateway hears it: pushed by routers, verified by the operator's key, asked for once on joining.
import { createHash } from "node:crypto";
import type { Broker } from "../broker/broker.ts";
import type { Runtime } from "../call/runtime.ts";
import { decodePolicyPush, POLICY_LIVE_SUBJECT } from "../contract/index.ts";
import { openHead } from "../discovery/policy-head.ts";
import type { LivePolicy } from "../discovery/policy-holder.ts";
import { readStoredDocument } from "../discovery/policy-store.ts";

export interface PolicyFeedOptions {
  readonly broker: Broker;
  readonly runtime: Runtime;
  readonly policy: LivePolicy;
  /** The operator's public key, from the credentials. */
  readonly publicKey: string;
  /** Asks a router for what `mesh.policy.live` would bring. */
  readonly ask: () => Promise<Uint8Array>;
}

export class PolicyFeed {
  readonly #options: PolicyFeedOptions;

  constructor(options: PolicyFeedOptions) {
    this.#options = options;
  }

  start(): void {
    this.#options.broker.subscribe(POLICY_LIVE_SUBJECT, (message) => {
      this.take(message.payload).catch((error: unknown) =>
        this.#refused(`a pushed policy that cannot be taken: ${String(error)}`),
      );
    });
  }

  /** Asks once. False if nobody could be asked, or answers no more of it this second: to be asked again. */
  async join(): Promise<boolean> {
    try {
      await this.take(await this.#options.ask());
      return true;
    } catch (error) {
      this.#options.runtime.telemetry.log.debug({ err: error }, "the policy could not be asked for");
      return false;
    }
  }

  /** Takes a push: refused unless the operator signed it, every document is what its hash says, and it is newer. */
  async take(bytes: Uint8Array): Promise<void> {
    const { policy, publicKey } = this.#options;
    const push = decodePolicyPush(bytes);
    if (push === undefined) {
      this.#refused("a pushed policy that cannot be read");
      return;
    }
    // An empty head says that there is no policy yet, which does not end one that is in force.
    if (push.head.length === 0) {
      policy.loadEmpty();
      return;
    }
    const signed = openHead(push.head, publicKey);
    if (typeof signed === "string") {
      this.#refused(signed);
      return;
    }
    const { revision } = signed.head;
    if (revision < policy.current.revision) {
      this.#refused(`a pushed policy of revision ${revision}, where revision ${policy.current.revision} is in force`);
      return;
    }
    // Its documents are too many to be pushed, or every router has pushed the same.
    if (!push.complete || revision === policy.current.revision) return;
    const byHash = new Map(
      push.documents.map((document) => [createHash("sha256").update(document).digest("hex"), document]),
    );
    const stored = signed.head.documents.map((entry) => byHash.get(entry.hash));
    if (stored.includes(undefined)) {
      this.#refused(`a pushed policy of revision ${revision} whose documents are not those that were signed`);
      return;
    }
    await policy.swap(
      revision,
      stored.map(
        (document, i) => readStoredDocument(document as Uint8Array, signed.head.documents[i]?.hash ?? "").document,
      ),
    );
  }

  #refused(problem: string): void {
    // Which router pushed it, the subject does not say.
    this.#options.runtime.refusals.refused({ stage: "policy", reason: "unauthenticated", principal: "", problem });
  }
}
