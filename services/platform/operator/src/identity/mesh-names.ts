// Who speaks for which service, as the last pass over identities decided.
import type { NamespaceGuard } from "./namespace-guard.ts";

export class MeshNames {
  readonly #owners: ReadonlyMap<string, string>;
  readonly #guard: NamespaceGuard;

  /** `owners`: service → the namespace it belongs to. */
  constructor(owners: ReadonlyMap<string, string>, guard: NamespaceGuard) {
    this.#owners = owners;
    this.#guard = guard;
  }

  /** Whether a namespace is part of the mesh. */
  isOpen(namespace: string): boolean {
    return this.#guard.isOpen(namespace);
  }

  ownerOf(service: string): string | undefined {
    return this.#owners.get(service);
  }

  /** Why a namespace may not speak for a service, claimed or not; undefined: it may. */
  refusal(namespace: string, service: string): string | undefined {
    const owner = this.#owners.get(service);
    if (owner !== undefined && owner !== namespace)
      return `service ${service} of the mesh belongs to namespace ${owner}`;
    return this.#guard.refusal(namespace, "service", service);
  }
}
