// Which namespaces may have which names. Whoever may create a workload in a namespace could else have credentials in any name
// that is free; labels and annotations of a namespace are in the hands of who runs the cluster.
import { APPLICATIONS_ANNOTATION, SERVICES_ANNOTATION } from "../names.ts";
import type { Labels, Selector } from "./label-selector.ts";

export interface NamespaceObject {
  readonly metadata: {
    readonly name: string;
    readonly labels?: Labels | undefined;
    readonly annotations?: Readonly<Record<string, string>> | undefined;
  };
}

export type NameKind = "service" | "application";

const ANNOTATIONS: Readonly<Record<NameKind, string>> = {
  service: SERVICES_ANNOTATION,
  application: APPLICATIONS_ANNOTATION,
};
const NOUNS: Readonly<Record<NameKind, string>> = { service: "service", application: "application account" };

interface Guarded {
  /** Undefined: any name that no other namespace lists. */
  readonly lists: Readonly<Record<NameKind, readonly RegExp[] | undefined>>;
}

/** Decides on names by namespace. A name that some namespace lists belongs to those that list it. */
export class NamespaceGuard {
  readonly #open = new Map<string, Guarded>();
  readonly #known: ReadonlySet<string>;

  constructor(namespaces: readonly NamespaceObject[], selector: Selector) {
    this.#known = new Set(namespaces.map(({ metadata }) => metadata.name));
    for (const { metadata } of namespaces) {
      if (!selector(metadata.labels)) continue;
      const listOf = (kind: NameKind): readonly RegExp[] | undefined =>
        parseList(metadata.annotations?.[ANNOTATIONS[kind]]);
      this.#open.set(metadata.name, { lists: { service: listOf("service"), application: listOf("application") } });
    }
  }

  /** Whether a namespace is part of the mesh. */
  isOpen(namespace: string): boolean {
    return this.#open.has(namespace);
  }

  /** Whether a namespace lists the name, and so shares it with all others that do. */
  isListed(namespace: string, kind: NameKind, name: string): boolean {
    return lists(this.#open.get(namespace), kind, name);
  }

  /** Why a namespace may not have a name; undefined: it may, as far as namespaces go. */
  refusal(namespace: string, kind: NameKind, name: string): string | undefined {
    const guarded = this.#open.get(namespace);
    if (guarded === undefined) {
      return this.#known.has(namespace)
        ? `namespace ${namespace} is not part of the mesh: the operator's namespace selector does not select it`
        : `namespace ${namespace} is not known to the operator`;
    }
    if (guarded.lists[kind] !== undefined) {
      if (lists(guarded, kind, name)) return undefined;
      return `namespace ${namespace} may not have ${NOUNS[kind]} ${name}: its annotation ${ANNOTATIONS[kind]} does not list it`;
    }
    // Who lists it is not told: the names of other namespaces are nobody's business.
    const isReserved = [...this.#open.values()].some((other) => lists(other, kind, name, true));
    if (!isReserved) return undefined;
    return `${NOUNS[kind]} ${name} is listed by another namespace in annotation ${ANNOTATIONS[kind]}, and not by ${namespace}`;
  }
}

/** `*` alone takes every name and reserves none. */
const ANY = /^.*$/;

function lists(guarded: Guarded | undefined, kind: NameKind, name: string, asReserved = false): boolean {
  return (guarded?.lists[kind] ?? []).some((pattern) => !(asReserved && pattern === ANY) && pattern.test(name));
}

function parseList(text: string | undefined): readonly RegExp[] | undefined {
  if (text === undefined) return undefined;
  const names = text.split(",").map((name) => name.trim());
  return names.filter((name) => name !== "").map(patternOf);
}

function patternOf(name: string): RegExp {
  if (name === "*") return ANY;
  const parts = name.split("*").map((part) => part.replace(/[^A-Za-z0-9_-]/g, "\\$&"));
  return new RegExp(`^${parts.join("[^]*")}$`);
}
