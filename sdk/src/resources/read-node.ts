// From YAML nodes to plain values, with bounds: what a hostile file can make us do is proportional to its size.
import { isAlias, isMap, isScalar, isSeq, type Node, type ParsedNode, Scalar, type YAMLMap, type YAMLSeq } from "yaml";

/** Something wrong at an offset of the text. */
export interface NodeProblem {
  readonly offset: number;
  readonly message: string;
  readonly hint?: string;
}

export interface ReadNode {
  readonly value: unknown;
  readonly problems: readonly NodeProblem[];
  /** What each alias stands for. */
  readonly targets: ReadonlyMap<Node, Node>;
}

const MAX_DEPTH = 64;
const MAX_ALIASES = 1_000;
/** Values a document may have once every alias stands for a copy. */
const MAX_VALUES = 200_000;

/** The value of a node tree. With problems the value is not to be used. */
export function readNode(root: Node | null): ReadNode {
  const reader = new NodeReader();
  const value = root === null ? null : reader.read(root, 0);
  return { value, problems: reader.problems, targets: reader.targets };
}

interface Anchored {
  readonly node: Node;
  readonly value: unknown;
  readonly size: number;
}

/** One pass in the order of the text, so that an alias finds what its anchor meant there. */
class NodeReader {
  readonly problems: NodeProblem[] = [];
  readonly targets = new Map<Node, Node>();
  readonly #anchors = new Map<string, Anchored>();
  readonly #open = new Set<string>();
  #size = 0;
  #aliases = 0;
  #stopped = false;

  read(node: unknown, depth: number): unknown {
    if (this.#stopped || node === null || node === undefined) return null;
    const parsed = node as ParsedNode;
    if (depth > MAX_DEPTH) return this.#stop(parsed, `nested deeper than ${MAX_DEPTH} levels`);
    if (isAlias(parsed)) return this.#readAlias(parsed.source, parsed);
    const anchor = (parsed as { anchor?: string }).anchor;
    const before = this.#size++;
    if (this.#size > MAX_VALUES) return this.#stop(parsed, `more than ${MAX_VALUES} values in one document`);
    if (anchor !== undefined) this.#open.add(anchor);
    const value = this.#readContent(parsed, depth);
    if (anchor !== undefined) {
      this.#open.delete(anchor);
      this.#anchors.set(anchor, { node: parsed, value, size: this.#size - before });
    }
    return value;
  }

  #readContent(node: ParsedNode, depth: number): unknown {
    if (isMap(node)) return this.#readMap(node, depth);
    if (isSeq(node)) return (node as YAMLSeq).items.map((item) => this.read(item, depth + 1));
    return (node as Scalar).value ?? null;
  }

  #readAlias(name: string, node: Node): unknown {
    if (this.#open.has(name)) return this.#report(node, `*${name} stands inside what it stands for`);
    const anchored = this.#anchors.get(name);
    if (anchored === undefined)
      return this.#report(node, `*${name} stands for nothing`, `write &${name} before the value it stands for`);
    this.targets.set(node, anchored.node);
    this.#size += anchored.size;
    if (++this.#aliases > MAX_ALIASES) return this.#stop(node, `more than ${MAX_ALIASES} aliases in one document`);
    if (this.#size > MAX_VALUES) return this.#stop(node, `aliases expand to more than ${MAX_VALUES} values`);
    return anchored.value;
  }

  #readMap(map: YAMLMap, depth: number): Record<string, unknown> {
    const own = new Map<string, unknown>();
    const merged: unknown[] = [];
    for (const { key, value } of map.items) {
      const name = this.#keyName(key, map);
      if (name === undefined) continue;
      if (isMergeKey(key)) merged.push(this.#readMerge(value as Node | null, depth));
      else if (own.has(name)) this.#report(key as Node, `"${name}" stands twice in this map`, "remove one of the two");
      else own.set(name, this.read(value, depth + 1));
    }
    return mergedMap(own, merged.flat());
  }

  #readMerge(node: Node | null, depth: number): unknown[] {
    const value = this.read(node, depth + 1);
    const sources = Array.isArray(value) ? value : [value];
    for (const source of sources) {
      if (typeof source !== "object" || source === null || Array.isArray(source))
        this.#report(node, "<< merges maps, and this is none");
    }
    return sources;
  }

  #keyName(key: unknown, map: Node): string | undefined {
    if (!isScalar(key)) {
      this.#report((key ?? map) as Node, "the name of a field must be a plain word");
      return undefined;
    }
    return key.value === null ? "" : String((key as Scalar).source ?? key.value);
  }

  #report(node: Node | null, message: string, hint?: string): null {
    const offset = node?.range?.[0] ?? 0;
    this.problems.push(hint === undefined ? { offset, message } : { offset, message, hint });
    return null;
  }

  /** Gives up on the document: nothing after this is read. */
  #stop(node: Node | null, message: string): null {
    if (!this.#stopped) this.#report(node, message);
    this.#stopped = true;
    return null;
  }
}

function isMergeKey(key: unknown): boolean {
  return isScalar(key) && key.type === Scalar.PLAIN && key.source === "<<";
}

/** Own entries win over merged ones, earlier sources over later ones. */
function mergedMap(own: ReadonlyMap<string, unknown>, sources: readonly unknown[]): Record<string, unknown> {
  const all = new Map(own);
  for (const source of sources) {
    if (typeof source !== "object" || source === null) continue;
    for (const [name, value] of Object.entries(source)) if (!all.has(name)) all.set(name, value);
  }
  // fromEntries defines own properties, so a field called __proto__ is a field and nothing else.
  return Object.fromEntries(all);
}
