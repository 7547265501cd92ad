// From a path in a document to its place in the text.
import { isAlias, isMap, isScalar, isSeq, type Node, type Pair } from "yaml";
import type { FieldPath } from "./field-path.ts";

export interface Located {
  /** Offset in the text the nodes were read from. */
  readonly offset: number;
  /** Where the name of the field stands; for an entry of a list the entry. */
  readonly nameOffset: number;
  /** The scalar at the path as it is spelled, if there is one. */
  readonly source?: string;
}

/**
 * The place of a path: the value if it is a scalar, the key if it is a map, a list or empty. Where the path leads
 * nowhere it is the place of the nearest thing around it.
 */
export function locate(root: Node, path: FieldPath, targets: ReadonlyMap<Node, Node>): Located {
  let node: Node | null = root;
  let offset = startOf(root);
  let nameOffset = offset;
  for (const step of path) {
    const container: Node | null = resolved(node, targets);
    const found: Step | undefined = container === null ? undefined : stepInto(container, step, targets);
    if (found === undefined) return { offset, nameOffset: offset };
    node = found.value;
    nameOffset = startOf(found.key ?? node);
    offset = isScalar(node) && node.value !== null ? startOf(node) : nameOffset;
  }
  const target = resolved(node, targets);
  return { offset, nameOffset, ...(isScalar(target) && target.source !== undefined ? { source: target.source } : {}) };
}

interface Step {
  readonly key: Node | null;
  readonly value: Node | null;
}

function stepInto(container: Node, step: PropertyKey, targets: ReadonlyMap<Node, Node>): Step | undefined {
  if (isSeq(container)) {
    const value = typeof step === "number" ? container.items[step] : undefined;
    return value === undefined ? undefined : { key: null, value: value as Node };
  }
  if (!isMap(container)) return undefined;
  const pairs = container.items as Pair<Node, Node | null>[];
  const own = pairs.find(({ key }) => isScalar(key) && String(key.source ?? key.value ?? "") === String(step));
  if (own !== undefined) return own;
  // The field may come from a map that was merged in: then the merge is its place.
  for (const { key, value } of pairs) {
    if (!isScalar(key) || key.source !== "<<" || value === null) continue;
    const found = stepIntoMerged(value, step, targets);
    if (found !== undefined) return found;
  }
  return undefined;
}

function stepIntoMerged(merged: Node, step: PropertyKey, targets: ReadonlyMap<Node, Node>): Step | undefined {
  const source = resolved(merged, targets);
  if (source === null) return undefined;
  if (!isSeq(source)) return stepInto(source, step, targets);
  for (const item of source.items) {
    const map = resolved(item as Node, targets);
    const found = map === null ? undefined : stepInto(map, step, targets);
    if (found !== undefined) return found;
  }
  return undefined;
}

function resolved(node: Node | null, targets: ReadonlyMap<Node, Node>): Node | null {
  return isAlias(node) ? (targets.get(node) ?? null) : node;
}

function startOf(node: Node | null): number {
  return node?.range?.[0] ?? 0;
}
