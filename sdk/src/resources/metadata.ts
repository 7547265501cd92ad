// The part all kinds share. Kubernetes keeps more in it; what it keeps for itself is dropped here.
import { z } from "zod";
import { mapOf } from "./fields/collections.ts";
import { dnsLabel, word } from "./fields/names.ts";

const MAX_LABELS = 64;
const MAX_ANNOTATION_LENGTH = 65_536;

/** Optional prefix and slash, then a name: the syntax of Kubernetes. */
function labelKey() {
  const part = "[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?";
  return word({
    pattern: `([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?${part}`,
    maxLength: 317,
    what: "a name of at most 63 characters, with or without a DNS prefix and a slash",
  });
}

function labelValue() {
  return word({
    pattern: "([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?",
    maxLength: 63,
    what: "at most 63 letters, digits, dots, dashes and _, with a letter or digit at both ends",
  });
}

export const metadataSchema = z.strictObject({
  name: dnsLabel("a name").describe("Name of the document, one of its kind."),
  createdAt: z.iso
    .datetime({ offset: true, error: "must be an instant such as 2030-01-31T12:00:00Z" })
    .overwrite((instant) => new Date(instant).toISOString())
    .describe("When it was applied first; the mesh sets it. Kubernetes calls it creationTimestamp.")
    .exactOptional(),
  labels: mapOf({ key: labelKey(), value: labelValue(), max: MAX_LABELS })
    .describe("Words to find it by.")
    .exactOptional(),
  annotations: mapOf({ key: labelKey(), value: z.string().max(MAX_ANNOTATION_LENGTH), max: MAX_LABELS })
    .describe("Notes; the mesh does not read them.")
    .exactOptional(),
});

const KEPT_BY_KUBERNETES: ReadonlySet<string> = new Set([
  "uid",
  "resourceVersion",
  "generation",
  "generateName",
  "selfLink",
  "managedFields",
  "ownerReferences",
  "finalizers",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "namespace",
]);
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/**
 * Metadata without what Kubernetes keeps for itself. `creationTimestamp` becomes `createdAt` unless that is given;
 * empty labels and annotations go. Anything that is not a map is returned as it is, for validation to refuse.
 */
export function withoutBookkeeping(metadata: unknown): unknown {
  if (!isMap(metadata)) return metadata;
  const kept = Object.fromEntries(Object.entries(metadata).filter(([name]) => !KEPT_BY_KUBERNETES.has(name)));
  const created = metadata.creationTimestamp;
  if (typeof created === "string" && kept.createdAt === undefined) kept.createdAt = created;
  if (isMap(kept.annotations)) {
    kept.annotations = Object.fromEntries(Object.entries(kept.annotations).filter(([name]) => name !== LAST_APPLIED));
  }
  for (const name of ["labels", "annotations"]) {
    if (isMap(kept[name]) && Object.keys(kept[name]).length === 0) delete kept[name];
  }
  return kept;
}

/** A plain map, as YAML and JSON make it. */
export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
