// Memory outside of V8's heap makes no young collection come sooner, only a full one: after 64 MiB of it since the last (V8's
// `kExternalAllocationSoftLimit`, heap.h). What is read from a socket is such memory, and with large messages there are few objects
// beside it, so that it is full collections that free it: six a second and a quarter of all CPU at 16 KiB a message. Young garbage
// made in step with it makes the cheap collections come in time; it is never touched again and costs what its zeroing costs.

/** Garbage for each byte outside: a young generation of 16 MiB, Node's own, is then collected every 24 MiB of it. */
const GARBAGE_SHARE = 2 / 3;
const WORD_BYTES = 8;
/** An array of more is not made in the young generation. */
const MAX_WORDS = 8 * 1024;

/** The last of it, so that no optimization leaves it out. */
let garbage: readonly unknown[] = [];

/** To be told of memory that was allocated outside of the heap for what will soon be garbage, in bytes. */
export function paceCollector(outsideBytes: number): void {
  for (let words = Math.floor((outsideBytes * GARBAGE_SHARE) / WORD_BYTES); words > 0; words -= MAX_WORDS)
    garbage = new Array<unknown>(Math.min(words, MAX_WORDS));
}

/** Bytes of garbage made last; for tests. */
export function garbageBytes(): number {
  return garbage.length * WORD_BYTES;
}
