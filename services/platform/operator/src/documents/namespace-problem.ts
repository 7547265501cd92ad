// Whether a namespace may speak for the services that a document is about. Without it, whoever may write a policy in one
// namespace could open or close the services of all others. Pure.
import type { MeshDocument } from "@malla/sdk/contract";
import { documentName } from "@malla/sdk/resources";

/** Who has which service; `Names` of credentials/ is the real one. */
export interface SpokenFor {
  /** Services that belong to a namespace. */
  readonly claimed: Iterable<string>;
  /** Why a namespace may not speak for a service; undefined: it may. */
  refusal(namespace: string, service: string): string | undefined;
}

/** Undefined: it may. */
export function namespaceProblem(document: MeshDocument, namespace: string, names: SpokenFor): string | undefined {
  const about = serviceOf(document);
  if (about.service !== undefined) {
    const problem = names.refusal(namespace, about.service);
    return problem && `${about.path}: ${problem}`;
  }
  for (const service of names.claimed) {
    // Which one is not told: the names of other namespaces are nobody's business.
    if (names.refusal(namespace, service) !== undefined)
      return `${about.path}: ${documentName(document)} reaches services of other namespaces; name the service it is for`;
  }
  return undefined;
}

/** `service` undefined: all of them. */
function serviceOf(document: MeshDocument): { readonly path: string; readonly service: string | undefined } {
  if (document.kind !== "Route") return { path: "spec.service", service: document.spec.service };
  const { service, subject } = document.spec.match;
  if (service !== undefined) return { path: "spec.match.service", service };
  const first = subject?.split(".")[0];
  return { path: "spec.match.subject", service: first === "*" || first === ">" ? undefined : first };
}
