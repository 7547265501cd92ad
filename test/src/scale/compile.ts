// What compiling a policy costs, and how long the longest piece of it keeps everything else waiting.

import type { MeshDocument } from "@malla/sdk/contract";
import { SLICE_MS } from "@malla/sdk/discovery";
import { compileInSlices } from "@malla/sdk/engine";
import { threadCpuMs } from "./cpu.ts";
import { documentsOf, LARGE, LARGE_ON_ONE } from "./world.ts";

export interface CompileCost {
  readonly what: string;
  /** CPU of the thread, in ms: of a process that compiles its first policy, and the least of several. */
  readonly firstMs: number;
  readonly leastMs: number;
  /** Longest stretch without a pause, in ms of CPU, garbage collection and all; pauses are asked for each `SLICE_MS`. */
  readonly longestPieceMs: number;
}

const ROUNDS = 7;

export function measureCompiling(): readonly CompileCost[] {
  return [
    cost("10,000 rules of 1,000 services", documentsOf(LARGE)),
    cost("10,000 rules of one service", documentsOf(LARGE_ON_ONE)),
  ];
}

function cost(what: string, documents: readonly MeshDocument[]): CompileCost {
  const took: number[] = [];
  let longestPieceMs = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const before = threadCpuMs();
    const longest = compileOnce(documents);
    took.push(threadCpuMs() - before);
    longestPieceMs = Math.min(longestPieceMs, longest);
  }
  return { what, firstMs: took[0] as number, leastMs: Math.min(...took), longestPieceMs };
}

function compileOnce(documents: readonly MeshDocument[]): number {
  const slices = compileInSlices(documents, 1);
  let longest = 0;
  let began = threadCpuMs();
  for (let done = false; !done; ) {
    done = slices.next().done === true;
    const now = threadCpuMs();
    longest = Math.max(longest, now - began);
    if (now - began >= SLICE_MS) began = now;
  }
  return longest;
}
