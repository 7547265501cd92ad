// A resource of one of the mesh's kinds → a document, or what is wrong with it. Pure.
import type { MeshDocument } from "@malla/sdk/contract";
import { formatFieldPath, validateDocument } from "@malla/sdk/resources";
import type { KubernetesObject } from "../kubernetes/api.ts";

export type Translated =
  | { readonly document: MeshDocument; readonly problem: undefined }
  | { readonly document: undefined; readonly problem: string };

/** Objects are never changed in place, so one is translated once. */
const known = new WeakMap<KubernetesObject, Translated>();

/** Never throws. */
export function translateResource(resource: KubernetesObject): Translated {
  const before = known.get(resource);
  if (before !== undefined) return before;
  const translated = translate(resource);
  known.set(resource, translated);
  return translated;
}

function translate({ apiVersion, kind, metadata, spec }: KubernetesObject): Translated {
  const { name, creationTimestamp, labels } = metadata;
  // Annotations stay in Kubernetes: other tools write them all the time, and each change would be a revision of the mesh.
  const kept = { name, ...(creationTimestamp && { creationTimestamp }), ...(labels && { labels }) };
  const { document, problems } = validateDocument({ apiVersion, kind, metadata: kept, spec });
  if (document !== undefined) return { document, problem: undefined };
  const told = problems.map(({ path, message, hint }) => {
    const advice = hint === undefined ? "" : ` (${hint})`;
    return `${formatFieldPath(path)}: ${message}${advice}`;
  });
  return { document: undefined, problem: told.join("; ") };
}
