// Resources of the mesh's own kinds: what they want, and what is written back to them.
import { formatOwner } from "@malla/sdk/resources";
import { eachAtMost } from "../each-at-most.ts";
import { isConflict, isNotFound, type KubernetesApi, type KubernetesObject } from "../kubernetes/api.ts";
import type { EventRecorder } from "../kubernetes/events.ts";
import type { WatchKind } from "../kubernetes/watch-kind.ts";
import { FINALIZER, TAKE_OVER_ANNOTATION } from "../names.ts";
import { namespaceProblem, type SpokenFor } from "./namespace-problem.ts";
import type { Outcome } from "./reconcile.ts";
import type { DocumentSource, PassResult, Wishes } from "./source.ts";
import { eventsOf, isSameStatus, type PolicyStatus, statusOf } from "./status.ts";
import { translateResource } from "./translate-resource.ts";
import type { Verdict, WantedDocument } from "./wanted.ts";

/** Resources that are written back at a time. */
const WRITERS = 8;

export interface PolicySourceOptions {
  readonly api: KubernetesApi;
  readonly watches: readonly WatchKind[];
  readonly events: EventRecorder;
  /** Who may speak for which service. */
  readonly names: { readonly synced: boolean; read(): SpokenFor };
  readonly onError: (error: unknown) => void;
  /** Told of each resource's verdict, for metrics. */
  readonly onVerdict?: (kind: string, verdict: Verdict["type"]) => void;
}

export class PolicySource implements DocumentSource {
  readonly #options: PolicySourceOptions;
  /** Resources that speak for services of other namespaces, by owner: what to tell them. */
  readonly #foreign = new Map<string, string>();
  /** Uids of those that were being deleted when the pass began: one that is deleted in the middle of it is still in the policy. */
  readonly #leaving = new Set<string | undefined>();

  constructor(options: PolicySourceOptions) {
    this.#options = options;
  }

  get synced(): boolean {
    return this.#options.names.synced && this.#options.watches.every(({ synced }) => synced);
  }

  reads(kind: string, namespace: string): boolean {
    return this.#options.watches.some((watch) => watch.kind.kind === kind && watch.covers(namespace));
  }

  wishes(): Wishes {
    const wanted: WantedDocument[] = [];
    const standing = new Map<string, string>();
    const names = this.#options.names.read();
    this.#foreign.clear();
    this.#leaving.clear();
    for (const { all } of this.#watches()) {
      for (const resource of all) {
        if (resource.metadata.deletionTimestamp !== undefined) {
          this.#leaving.add(resource.metadata.uid);
          continue;
        }
        const owner = ownerNameOf(resource);
        const createdAt = resource.metadata.creationTimestamp ?? "";
        const { document } = translateResource(resource);
        const foreign = document && namespaceProblem(document, resource.metadata.namespace ?? "", names);
        // A slip of the pen takes nothing away; a service that belongs to another namespace does.
        if (document === undefined) standing.set(owner, createdAt);
        else if (foreign !== undefined) this.#foreign.set(owner, foreign);
        else wanted.push({ owner, createdAt, document, takeOver: takesOver(resource) });
      }
    }
    return { wanted, standing };
  }

  async settle(result: PassResult): Promise<boolean> {
    let well = true;
    for (const { watch, all } of this.#watches()) {
      await eachAtMost(WRITERS, all, async (resource) => {
        try {
          await this.#settleOne(watch, resource, result);
        } catch (error) {
          // Somebody changed it meanwhile: its watch says so, and the next pass looks at it as it is then.
          if (isConflict(error) || isNotFound(error)) return;
          well = false;
          this.#options.onError(error);
        }
      });
    }
    return well;
  }

  #watches(): readonly { readonly watch: WatchKind; readonly all: readonly KubernetesObject[] }[] {
    return this.#options.watches.map((watch) => ({ watch, all: watch.all() }));
  }

  async #settleOne(watch: WatchKind, resource: KubernetesObject, result: PassResult): Promise<void> {
    if (!result.mayWrite()) return;
    const { api } = this.#options;
    const { finalizers = [], deletionTimestamp } = resource.metadata;
    const isHeld = finalizers.includes(FINALIZER);
    if (deletionTimestamp !== undefined) {
      // Until the mesh has let go of it, it stays.
      if (!isHeld || result.mesh.type !== "reached" || !this.#leaving.has(resource.metadata.uid)) return;
      const others = finalizers.filter((name) => name !== FINALIZER);
      watch.learn(await api.setFinalizers(watch.kind, resource, others));
      return;
    }
    let current = resource;
    if (!isHeld) {
      current = await api.setFinalizers(watch.kind, resource, [...finalizers, FINALIZER]);
      watch.learn(current);
    }
    await this.#tell(watch, current, result);
  }

  async #tell(watch: WatchKind, resource: KubernetesObject, result: PassResult): Promise<void> {
    const { api, events, onVerdict } = this.#options;
    const before = resource.status as PolicyStatus | undefined;
    const outcome = this.#outcomeOf(resource, result);
    if (outcome !== undefined) onVerdict?.(resource.kind, outcome.verdict.type);
    const [id, hash] = [...(outcome?.inPolicy ?? [])][0] ?? [];
    const known = before?.contentHash === hash ? before?.revision : undefined;
    const revision = id === undefined || hash === undefined ? undefined : result.revisionOf(id, hash, known);
    const after = statusOf({
      generation: resource.metadata.generation,
      before,
      verdict: outcome?.verdict,
      contentHash: outcome === undefined ? before?.contentHash : hash,
      revision: outcome === undefined ? before?.revision : revision,
      spread: revision === undefined ? { type: "unknown" } : result.spread(revision),
      mesh: result.mesh,
      now: result.now,
    });
    if (isSameStatus(before, after) || !result.mayWrite()) return;
    watch.learn(await api.replaceStatus(watch.kind, resource, after));
    for (const event of eventsOf(before, after)) await events.record(resource, event);
  }

  /** What the reconciler said; of a resource that it was not asked about, why not. */
  #outcomeOf(resource: KubernetesObject, { outcomes }: PassResult): Outcome | undefined {
    const owner = ownerNameOf(resource);
    const { document, problem } = translateResource(resource);
    if (document === undefined) return { verdict: { type: "invalid", message: problem }, inPolicy: NOTHING };
    const foreign = this.#foreign.get(owner);
    if (foreign !== undefined) return { verdict: { type: "conflict", message: foreign }, inPolicy: NOTHING };
    return outcomes?.get(owner);
  }
}

const NOTHING: ReadonlyMap<string, string> = new Map();

/** The owner that a resource is, as its documents name it. */
export function ownerNameOf({ kind, metadata: { namespace = "", name } }: KubernetesObject): string {
  return formatOwner({ namespace, kind, name });
}

export function takesOver({ metadata }: KubernetesObject): boolean {
  return metadata.annotations?.[TAKE_OVER_ANNOTATION] === "true";
}
