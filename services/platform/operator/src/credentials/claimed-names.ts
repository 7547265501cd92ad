// Who asks for which service, and who has it: what is watched and what is remembered, put together anew whenever it is asked.
import type { ServiceNames } from "../gateway-api/index.ts";
import type { ClaimingObject } from "../identity/claims.ts";
import { parseSelector } from "../identity/label-selector.ts";
import type { Ledger } from "../identity/ledger.ts";
import { NamespaceGuard, type NamespaceObject } from "../identity/namespace-guard.ts";
import { type WantedIdentities, wantedIdentities } from "../identity/wanted-identities.ts";
import type { WatchKind } from "../kubernetes/watch-kind.ts";

export interface ClaimedNamesOptions {
  /** Workloads and MeshServices. */
  readonly claims: readonly WatchKind[];
  /** Undefined: `listed` are all there are. */
  readonly namespaces: WatchKind | undefined;
  /** Namespaces that are part of the mesh whatever their labels say. */
  readonly listed: readonly string[];
  readonly selector: string;
  /** May speak for every service: the operator's own namespace, as whoever may write there rules the mesh anyway. */
  readonly system: string;
  readonly ledger: () => Ledger | undefined;
}

export interface Names extends ServiceNames {
  /** Services that belong to a namespace. */
  readonly claimed: Iterable<string>;
  readonly identities: WantedIdentities;
}

/** What holds for a namespace that is listed. */
const LISTED = Object.freeze({});

export class ClaimedNames {
  readonly #options: ClaimedNamesOptions;
  readonly #selects: ReturnType<typeof parseSelector>;

  constructor(options: ClaimedNamesOptions) {
    this.#options = options;
    this.#selects = parseSelector(options.selector);
  }

  /** Whether everybody who asks is known. */
  get synced(): boolean {
    const { claims, namespaces, ledger } = this.#options;
    return claims.every(({ synced }) => synced) && namespaces?.synced !== false && ledger() !== undefined;
  }

  read(): Names {
    const { claims, ledger, system } = this.#options;
    const guard = this.#guard();
    const objects = claims.flatMap((watch) => watch.all()).filter(isStaying);
    const held = [...(ledger() ?? new Map()).values()];
    const identities = wantedIdentities(objects as readonly ClaimingObject[], held, guard);
    const { owners } = identities;
    return {
      identities,
      claimed: [...owners.keys()],
      isOpen: (namespace) => namespace === system || guard.isOpen(namespace),
      ownerOf: (service) => owners.get(service),
      refusal: (namespace, service) => {
        if (namespace === system) return undefined;
        const owner = owners.get(service);
        if (owner !== undefined && owner !== namespace) return `service ${service} belongs to another namespace`;
        return guard.isOpen(namespace) ? guard.refusal(namespace, "service", service) : undefined;
      },
    };
  }

  #guard(): NamespaceGuard {
    const { namespaces, listed } = this.#options;
    const known = (namespaces?.all() ?? []) as readonly NamespaceObject[];
    const always = new Set(listed);
    const objects = new Map(
      listed.map((name): [string, NamespaceObject] => [name, { metadata: { name, labels: LISTED } }]),
    );
    for (const { metadata } of known)
      objects.set(metadata.name, { metadata: always.has(metadata.name) ? { ...metadata, labels: LISTED } : metadata });
    return new NamespaceGuard([...objects.values()], (labels) => labels === LISTED || this.#selects(labels));
  }
}

function isStaying({ metadata }: { readonly metadata: { readonly deletionTimestamp?: string } }): boolean {
  return metadata.deletionTimestamp === undefined;
}
