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
import { conditionIn, type PolicyStatus, PROGRAMMED, statusOf } from "./status.ts";
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
  /** What was said last of a route's documents, by owner: a router that comes later takes nothing back. */
  #said: ReadonlyMap<string, PolicyStatus> = new Map();

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
    const said = new Map<string, PolicyStatus>();
    let well = true;
    await eachAtMost(WRITERS, this.#translated.filter(concernsUs), async (translated) => {
      try {
        await this.#settleOne(translated, result, said);
      } catch (error) {
        if (isConflict(error) || isNotFound(error)) return;
        well = false;
        this.#options.onError(error);
      }
    });
    this.#said = said;
    return well;
  }

  async #settleOne(translated: TranslatedRoute, result: PassResult, said: Map<string, PolicyStatus>): Promise<void> {
    const { api, routes, onVerdict } = this.#options;
    const route = translated.route as GatewayRouteObject & KubernetesObject;
    const owner = routeOwner(translated.route);
    const outcome = result.outcomes?.get(owner);
    if (outcome !== undefined) onVerdict?.(route.kind, outcome.verdict.type);
    const ofDocuments = statusOfDocuments(translated, outcome, this.#said.get(owner), result);
    if (ofDocuments !== undefined) said.set(owner, ofDocuments);
    const status = routeStatus(translated, verdictOf(outcome, ofDocuments), result.now);
    if (isDeepStrictEqual(status, route.status ?? {}) || !result.mayWrite()) return;
    const watch = routes.find(({ kind }) => kind.kind === route.kind);
    if (watch === undefined) return;
    const written = await api.replaceStatus(watch.kind, route, status);
    // Each namespace that is watched by itself has a watch of its own, and knows its own objects.
    for (const one of routes) if (one.kind.kind === route.kind) one.learn(written);
  }
}

/** Of all documents of a route as of one resource of the mesh's own; undefined: it has none, having been refused already. */
function statusOfDocuments(
  { route, documents }: TranslatedRoute,
  outcome: Outcome | undefined,
  before: PolicyStatus | undefined,
  { mesh, revisionOf, spread, now }: PassResult,
): PolicyStatus | undefined {
  if (documents.length === 0) return undefined;
  const inPolicy = [...(outcome?.inPolicy ?? [])];
  const revisions = inPolicy.map(([id, hash]) => revisionOf(id, hash));
  const revision = revisions.length === 0 ? before?.revision : Math.max(...revisions);
  return statusOf({
    generation: route.metadata.generation,
    before,
    verdict: outcome?.verdict,
    contentHash: outcome === undefined ? before?.contentHash : inPolicy.map(([, hash]) => hash).join(" "),
    revision,
    spread: revision === undefined ? { type: "unknown" } : spread(revision),
    mesh,
    now,
  });
}

function verdictOf(outcome: Outcome | undefined, status: PolicyStatus | undefined): DocumentsVerdict {
  if (status === undefined) return {};
  if (outcome !== undefined && outcome.verdict.type !== "accepted") return { refused: outcome.verdict.message };
  return { programmed: conditionIn(status, PROGRAMMED) };
}

function staying<T>(watches: readonly WatchKind[]): readonly T[] {
  return watches
    .flatMap((watch) => watch.all())
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined) as unknown as readonly T[];
}
