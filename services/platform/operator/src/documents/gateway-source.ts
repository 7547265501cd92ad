// Routes of the Gateway API as wishes, and the standard's status written back to them.
import { isDeepStrictEqual } from "node:util";
import { eachAtMost } from "../each-at-most.ts";
import {
  concernsUs,
  type DocumentsVerdict,
  type GatewayRouteObject,
  type MeshServiceReference,
  type ReferenceGrantObject,
  routeOwner,
  routeStatus,
  type ServiceNames,
  type ServiceObject,
  type TranslatedRoute,
  translateRoutes,
  wantedDocuments,
} from "../gateway-api/index.ts";
import { isConflict, isNotFound, type KubernetesApi, type KubernetesObject } from "../kubernetes/api.ts";
import type { WatchKind } from "../kubernetes/watch-kind.ts";
import type { Outcome } from "./reconcile.ts";
import type { DocumentSource, PassResult, Wishes } from "./source.ts";
import { PROGRAMMED as CONDITION, conditionIn, statusOf } from "./status.ts";
import type { Verdict } from "./wanted.ts";

const WRITERS = 8;

export interface GatewaySourceOptions {
  readonly api: KubernetesApi;
  /** HTTPRoutes and GRPCRoutes. */
  readonly routes: readonly WatchKind[];
  readonly services: readonly WatchKind[];
  readonly meshServices: readonly WatchKind[];
  readonly grants: readonly WatchKind[];
  readonly names: { readonly synced: boolean; read(): ServiceNames };
  readonly onError: (error: unknown) => void;
  readonly onVerdict?: (kind: string, verdict: Verdict["type"]) => void;
}

const NONE: ReadonlyMap<string, string> = new Map();

export class GatewaySource implements DocumentSource {
  readonly #options: GatewaySourceOptions;
  #translated: readonly TranslatedRoute[] = [];

  constructor(options: GatewaySourceOptions) {
    this.#options = options;
  }

  get synced(): boolean {
    const { routes, services, meshServices, grants, names } = this.#options;
    return names.synced && [routes, services, meshServices, grants].flat().every(({ synced }) => synced);
  }

  reads(kind: string, namespace: string): boolean {
    return this.#options.routes.some((watch) => watch.kind.kind === kind && watch.covers(namespace));
  }

  wishes(): Wishes {
    const { routes, services, meshServices, grants, names } = this.#options;
    this.#translated = translateRoutes({
      routes: staying<GatewayRouteObject>(routes),
      services: staying<ServiceObject>(services),
      meshServices: staying<MeshServiceReference>(meshServices),
      grants: staying<ReferenceGrantObject>(grants),
      names: names.read(),
    });
    return { wanted: wantedDocuments(this.#translated), standing: NONE };
  }

  async settle(result: PassResult): Promise<boolean> {
    let well = true;
    await eachAtMost(WRITERS, this.#translated.filter(concernsUs), async (translated) => {
      try {
        await this.#settleOne(translated, result);
      } catch (error) {
        if (isConflict(error) || isNotFound(error)) return;
        well = false;
        this.#options.onError(error);
      }
    });
    return well;
  }

  async #settleOne(translated: TranslatedRoute, result: PassResult): Promise<void> {
    const { api, routes, onVerdict } = this.#options;
    const route = translated.route as GatewayRouteObject & KubernetesObject;
    const outcome = result.outcomes?.get(routeOwner(translated.route));
    if (outcome !== undefined) onVerdict?.(route.kind, outcome.verdict.type);
    const status = routeStatus(translated, verdictOf(translated, outcome, result), result.now);
    if (isDeepStrictEqual(status, route.status ?? {}) || !result.mayWrite()) return;
    const watch = routes.find(({ kind }) => kind.kind === route.kind);
    if (watch !== undefined) watch.learn(await api.replaceStatus(watch.kind, route, status));
  }
}

function verdictOf(
  { route, documents }: TranslatedRoute,
  outcome: Outcome | undefined,
  { mesh, revisionOf, spread, now }: PassResult,
): DocumentsVerdict {
  // A route that wants nothing of the mesh, since it was refused already, has nothing more to be told.
  if (documents.length === 0) return {};
  if (outcome !== undefined && outcome.verdict.type !== "accepted") return { refused: outcome.verdict.message };
  const revisions = [...(outcome?.inPolicy ?? [])].map(([id, hash]) => revisionOf(id, hash));
  const revision = revisions.length === 0 ? undefined : Math.max(...revisions);
  const { status, reason, message } = conditionIn(
    statusOf({
      generation: route.metadata.generation,
      before: undefined,
      verdict: outcome?.verdict,
      contentHash: undefined,
      revision,
      spread: revision === undefined ? { type: "unknown" } : spread(revision),
      mesh,
      now,
    }),
    CONDITION,
  ) as { status: "True" | "False" | "Unknown"; reason: string; message: string };
  return { programmed: { status, reason, message } };
}

function staying<T>(watches: readonly WatchKind[]): readonly T[] {
  return watches
    .flatMap((watch) => watch.all())
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined) as unknown as readonly T[];
}
