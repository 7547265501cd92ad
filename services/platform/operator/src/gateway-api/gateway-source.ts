// Routes of the Gateway API as a source of documents: what they want of the mesh, and what is written back to them.
import { isDeepStrictEqual } from "node:util";
import { ownerNameOf, takesOver } from "../documents/policy-source.ts";
import type { DocumentSource, PassResult, Wishes } from "../documents/source.ts";
import { conditionIn, type PolicyStatus, PROGRAMMED, statusOf } from "../documents/status.ts";
import type { Verdict, WantedDocument } from "../documents/wanted.ts";
import { eachAtMost } from "../each-at-most.ts";
import { isConflict, isNotFound, type KubernetesApi, type KubernetesObject } from "../kubernetes/api.ts";
import type { EventRecorder } from "../kubernetes/events.ts";
import type { WatchKind } from "../kubernetes/watch-kind.ts";
import type {
  GatewayRouteObject,
  MeshServiceReference,
  ReferenceGrantObject,
  ServiceNames,
  ServiceObject,
} from "./route-objects.ts";
import { concernsUs, type DocumentsVerdict, routeStatus } from "./route-status.ts";
import { type TranslatedRoute, translateRoutes } from "./translate-routes.ts";

/** Routes that are written back at a time. */
const WRITERS = 8;

export interface GatewaySourceOptions {
  readonly api: KubernetesApi;
  readonly routes: readonly WatchKind[];
  readonly services: readonly WatchKind[];
  readonly meshServices: readonly WatchKind[];
  readonly grants: readonly WatchKind[];
  /** Undefined until it is known who has which name. */
  readonly names: () => ServiceNames | undefined;
  readonly events: EventRecorder;
  readonly onError: (error: unknown) => void;
  /** Told of each route's verdict, for metrics. */
  readonly onVerdict?: (kind: string, verdict: Verdict["type"]) => void;
}

/** What was translated, and from what. */
interface Translation {
  readonly from: readonly unknown[];
  readonly routes: readonly TranslatedRoute[];
}

export class GatewaySource implements DocumentSource {
  readonly #options: GatewaySourceOptions;
  #translation: Translation | undefined;
  /** What was said last of a route's documents, by owner: whether they are programmed is not said anew of the same. */
  #said: ReadonlyMap<string, PolicyStatus> = new Map();

  constructor(options: GatewaySourceOptions) {
    this.#options = options;
  }

  get synced(): boolean {
    const { routes, services, meshServices, grants } = this.#options;
    return [...routes, ...services, ...meshServices, ...grants].every(({ synced }) => synced);
  }

  reads(kind: string, namespace: string): boolean {
    return this.#options.routes.some((watch) => watch.kind.kind === kind && watch.covers(namespace));
  }

  wishes(): Wishes {
    const names = this.#options.names();
    if (names === undefined) {
      // Who speaks for whom is not known yet, so what is in force stays.
      const standing = all(this.#options.routes).map((route): [string, string] => [
        ownerNameOf(route),
        createdAt(route),
      ]);
      this.#translation = undefined;
      return { wanted: [], standing: new Map(standing) };
    }
    const { routes } = this.#translate(names);
    const wanted = routes.flatMap(({ route, documents }): readonly WantedDocument[] => {
      const resource = route as unknown as KubernetesObject;
      const owner = ownerNameOf(resource);
      const wish = { owner, createdAt: createdAt(resource), takeOver: takesOver(resource) };
      return documents.map((document) => ({ ...wish, document }));
    });
    return { wanted, standing: new Map() };
  }

  async settle(result: PassResult): Promise<boolean> {
    const said = new Map<string, PolicyStatus>();
    let well = true;
    await eachAtMost(WRITERS, this.#translation?.routes.filter(concernsUs) ?? [], async (translated) => {
      try {
        await this.#settleOne(translated, result, said);
      } catch (error) {
        // Somebody changed it meanwhile: its watch says so, and the next pass looks at it as it is then.
        if (isConflict(error) || isNotFound(error)) return;
        well = false;
        this.#options.onError(error);
      }
    });
    this.#said = said;
    return well;
  }

  async #settleOne(translated: TranslatedRoute, result: PassResult, said: Map<string, PolicyStatus>): Promise<void> {
    const { api, events, routes, onVerdict } = this.#options;
    const resource = translated.route as unknown as KubernetesObject;
    const owner = ownerNameOf(resource);
    const status = this.#statusOf(owner, translated, result);
    if (status !== undefined) said.set(owner, status);
    const verdict = verdictOf(status, result);
    const accepted = verdict.refused === undefined && translated.documents.length > 0;
    onVerdict?.(resource.kind, accepted ? "accepted" : "invalid");
    const after = routeStatus(translated, verdict, result.now);
    if (isDeepStrictEqual(after, resource.status ?? {}) || !result.mayWrite()) return;
    const watch = routes.find(({ kind }) => kind.kind === resource.kind);
    if (watch === undefined) return;
    const written = await api.replaceStatus(watch.kind, resource, after);
    for (const one of routes) one.learn(written);
    const problem = acceptedIn(after);
    if (problem === undefined || problem.message === acceptedIn(resource.status)?.message) return;
    await events.record(resource, { type: "Warning", reason: problem.reason, note: problem.message });
  }

  /** Of its documents, as of one resource of the mesh's own; undefined: it has none. */
  #statusOf(owner: string, { route, documents }: TranslatedRoute, result: PassResult): PolicyStatus | undefined {
    if (documents.length === 0) return undefined;
    const outcome = result.outcomes?.get(owner);
    const carried = [...(outcome?.inPolicy ?? [])];
    const before = this.#said.get(owner);
    const revision =
      carried.length === 0 ? undefined : Math.max(...carried.map(([id, hash]) => result.revisionOf(id, hash)));
    return statusOf({
      generation: route.metadata.generation,
      before,
      verdict: outcome?.verdict,
      contentHash: outcome === undefined ? before?.contentHash : carried.map(([, hash]) => hash).join(" "),
      revision: outcome === undefined ? before?.revision : revision,
      spread: revision === undefined ? { type: "unknown" } : result.spread(revision),
      mesh: result.mesh,
      now: result.now,
    });
  }

  /** The same objects and names give the same documents: translating a thousand routes takes its time. */
  #translate(names: ServiceNames): Translation {
    const { routes, services, meshServices, grants } = this.#options;
    const objects = {
      routes: all(routes).filter(({ metadata }) => metadata.deletionTimestamp === undefined),
      services: all(services),
      meshServices: all(meshServices),
      grants: all(grants),
    };
    const from = [names, ...Object.values(objects).flatMap((list) => [list.length, ...list])];
    const known = this.#translation;
    if (known?.from.length === from.length && known.from.every((one, index) => one === from[index])) return known;
    const translated = translateRoutes({
      names,
      routes: objects.routes as unknown as readonly GatewayRouteObject[],
      services: objects.services as unknown as readonly ServiceObject[],
      meshServices: objects.meshServices as unknown as readonly MeshServiceReference[],
      grants: objects.grants as unknown as readonly ReferenceGrantObject[],
    });
    this.#translation = { from, routes: translated };
    return this.#translation;
  }
}

function all(watches: readonly WatchKind[]): readonly KubernetesObject[] {
  return watches.flatMap((watch) => watch.all());
}

function createdAt({ metadata }: KubernetesObject): string {
  return metadata.creationTimestamp ?? "";
}

function verdictOf(status: PolicyStatus | undefined, { outcomes }: PassResult): DocumentsVerdict {
  if (status === undefined) return {};
  const accepted = conditionIn(status, "Accepted");
  const programmed = conditionIn(status, PROGRAMMED);
  const isRefused = outcomes !== undefined && accepted?.status === "False";
  return { refused: isRefused ? accepted.message : undefined, programmed };
}

/** The first parent's condition Accepted, where it is False. */
function acceptedIn(status: unknown): { readonly reason: string; readonly message: string } | undefined {
  const { parents } = (status ?? {}) as { parents?: readonly { readonly conditions?: readonly Said[] }[] };
  const conditions = Array.isArray(parents) ? parents.flatMap((parent) => parent?.conditions ?? []) : [];
  return conditions.find(({ type, status: said }) => type === "Accepted" && said === "False");
}

interface Said {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}
