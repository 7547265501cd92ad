// Names of the documents that routes become: stable, and in the order of the rules, since among Routes of one age that match
// alike the first by name wins.
import { createHash } from "node:crypto";
import type { GatewayRouteObject } from "./route-objects.ts";

const MAX_LENGTH = 63;
const HASH_LENGTH = 8;

/**
 * `<namespace>-<route>-<hash>-<rule>-<match>`, the first two cut where they are long. The hash tells apart what would read the
 * same: kinds, parents, and where a namespace ends.
 */
export function documentNameOf(
  { kind, metadata: { namespace, name } }: GatewayRouteObject,
  service: string,
  place: string,
): string {
  const digest = createHash("sha256").update([kind, namespace, name, service].join("/")).digest("hex");
  const tail = `-${digest.slice(0, HASH_LENGTH)}-${place}`;
  const head = `${namespace}-${name.replaceAll(".", "-")}`.slice(0, MAX_LENGTH - tail.length);
  return `${head}${tail}`;
}

/** At most 16 rules of at most 64 matches in the standard; more keep their order up to a hundred each. */
export function placeOf(rule: number, match: number): string {
  return `${String(rule).padStart(2, "0")}-${String(match).padStart(2, "0")}`;
}
