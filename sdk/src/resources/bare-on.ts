// `retries.on`, written without quotes. kubectl and Helm read YAML as it was before 1.2, where a bare `on` is the word true, so the
// field reaches the API server as `true`; there it is a field as well, and means the same. So one file does for both.
import type { StructuralSchema } from "./json-schema.ts";
import { isMap } from "./metadata.ts";

/** What a bare `on` is to a reader of the older YAML. */
const BARE_ON = "true";

/**
 * The spec with the field under its own name. Where both are there the bare one counts: the API server has put in the default of
 * the other.
 */
export function withSpelledOn(spec: unknown): unknown {
  if (!isMap(spec) || !isMap(spec.retries) || !Object.hasOwn(spec.retries, BARE_ON)) return spec;
  const { [BARE_ON]: on, ...retries } = spec.retries;
  return { ...spec, retries: { ...retries, on } };
}

/** The schema of a spec, for the API server, which takes the field under both names. */
export function withBareOn(spec: StructuralSchema): StructuralSchema {
  const { retries } = spec.properties ?? {};
  const { on } = retries?.properties ?? {};
  if (retries === undefined || on === undefined) return spec;
  const { default: _default, ...same } = on;
  const bare = { ...same, description: "`on`, as kubectl reads it where it is not quoted." };
  return {
    ...spec,
    properties: { ...spec.properties, retries: { ...retries, properties: { ...retries.properties, [BARE_ON]: bare } } },
  };
}
