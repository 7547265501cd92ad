// A hash of text to a number in [0, 1): the same on every router and in every process.

/** FNV-1a over UTF-16 units, mixed by MurmurHash3's finalizer so that near keys end far apart. */
export function hashText(text: string, seed: number): number {
  let hash = seed | 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

export const HASH_SEED = 0x811c9dc5;
const TWO_TO_32 = 4_294_967_296;

export function hashToUnit(text: string, seed: number): number {
  return hashText(text, seed) / TWO_TO_32;
}
