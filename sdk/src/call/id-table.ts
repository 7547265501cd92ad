// What is under way, by id, the oldest first: entries that come and go with every call. A Map that is filled and emptied at the same
// pace is copied again and again, and the copies left behind keep every call that stood in them alive until a full collection: with
// Maps two kilobytes a call outlived the young generation. Here nothing is copied but when it grows, and what leaves is let go of.
// Separate chaining over arrays (Knuth, volume 3, 6.4), with a list through the nodes in order of coming.
import { hashed, hashId } from "./id-hash.ts";

const FIRST_NODES = 64;
const NONE = -1;

export class IdTable<Entry extends { readonly id: string }> {
  #entries: (Entry | undefined)[] = [];
  #hashes = new Int32Array(FIRST_NODES);
  #chained = new Int32Array(FIRST_NODES);
  #newer = new Int32Array(FIRST_NODES);
  #older = new Int32Array(FIRST_NODES);
  /** When each node's entry came, counted up: a walk tells by it that a node has another entry now. */
  #ages = new Float64Array(FIRST_NODES);
  #buckets = new Int32Array(FIRST_NODES).fill(NONE);
  #free = NONE;
  #made = 0;
  #oldest = NONE;
  #newest = NONE;
  #size = 0;
  #age = 0;

  get size(): number {
    return this.#size;
  }

  get(id: string): Entry | undefined {
    const node = this.#find(id);
    return node === NONE ? undefined : this.#entries[node];
  }

  has(id: string): boolean {
    return this.#find(id) !== NONE;
  }

  /** Adds an entry as the newest, in the place of one with the same id. */
  add(entry: Entry): void {
    this.delete(entry.id);
    // Hashed by `delete`.
    const hash = hashed.low | 0;
    const node = this.#take();
    this.#entries[node] = entry;
    this.#hashes[node] = hash;
    this.#ages[node] = ++this.#age;
    const bucket = hash & (this.#buckets.length - 1);
    this.#chained[node] = this.#buckets[bucket] as number;
    this.#buckets[bucket] = node;
    this.#older[node] = this.#newest;
    this.#newer[node] = NONE;
    if (this.#newest === NONE) this.#oldest = node;
    else this.#newer[this.#newest] = node;
    this.#newest = node;
    this.#size++;
  }

  /** False if there was none. */
  delete(id: string): boolean {
    const node = this.#find(id);
    if (node === NONE) return false;
    this.#unchain(node);
    const older = this.#older[node] as number;
    const newer = this.#newer[node] as number;
    if (older === NONE) this.#oldest = newer;
    else this.#newer[older] = newer;
    if (newer === NONE) this.#newest = older;
    else this.#older[newer] = older;
    this.#entries[node] = undefined;
    this.#ages[node] = 0;
    this.#chained[node] = this.#free;
    this.#free = node;
    this.#size--;
    return true;
  }

  /** The oldest first. Entries may come and go meanwhile: what has gone is passed over, what comes is seen. */
  *values(): IterableIterator<Entry> {
    let node = this.#oldest;
    while (node !== NONE) {
      const age = this.#ages[node] as number;
      yield this.#entries[node] as Entry;
      node = this.#ages[node] === age ? (this.#newer[node] as number) : this.#youngerThan(age);
    }
  }

  #youngerThan(age: number): number {
    let node = this.#oldest;
    while (node !== NONE && (this.#ages[node] as number) <= age) node = this.#newer[node] as number;
    return node;
  }

  /** Leaves the id's hash in `hashed`. */
  #find(id: string): number {
    hashId(id);
    const hash = hashed.low | 0;
    let node = this.#buckets[hash & (this.#buckets.length - 1)] as number;
    while (node !== NONE && (this.#hashes[node] !== hash || this.#entries[node]?.id !== id))
      node = this.#chained[node] as number;
    return node;
  }

  #unchain(node: number): void {
    const bucket = (this.#hashes[node] as number) & (this.#buckets.length - 1);
    let at = this.#buckets[bucket] as number;
    if (at === node) {
      this.#buckets[bucket] = this.#chained[node] as number;
      return;
    }
    while (this.#chained[at] !== node) at = this.#chained[at] as number;
    this.#chained[at] = this.#chained[node] as number;
  }

  #take(): number {
    const node = this.#free;
    if (node !== NONE) {
      this.#free = this.#chained[node] as number;
      return node;
    }
    if (this.#made === this.#hashes.length) this.#grow();
    return this.#made++;
  }

  #grow(): void {
    const nodes = this.#hashes.length * 2;
    this.#hashes = enlarged(this.#hashes, nodes);
    this.#chained = enlarged(this.#chained, nodes);
    this.#newer = enlarged(this.#newer, nodes);
    this.#older = enlarged(this.#older, nodes);
    const ages = new Float64Array(nodes);
    ages.set(this.#ages);
    this.#ages = ages;
    this.#buckets = new Int32Array(nodes).fill(NONE);
    // It grows only when no node is free: each is chained anew.
    for (let node = 0; node < this.#made; node++) {
      const bucket = (this.#hashes[node] as number) & (nodes - 1);
      this.#chained[node] = this.#buckets[bucket] as number;
      this.#buckets[bucket] = node;
    }
  }
}

function enlarged(old: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(length);
  larger.set(old);
  return larger;
}
