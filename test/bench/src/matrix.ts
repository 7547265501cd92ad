// Which cells are measured. The default ones are those that targets are set for; `--full` is everything.
import type { Cell } from "./cell.ts";

export const PAYLOADS = [128, 1024, 16 * 1024, 256 * 1024, 4 * 1024 * 1024] as const;
export const CONCURRENCIES = [1, 16, 128, 512] as const;
export const DEPTHS = [1, 3, 5] as const;
/** Calls a second of the open loop: what every contender can do, so that their latencies and CPU can be compared. */
const RATE = 2_000;
/** Where everybody begins. */
const SMALL_BYTES = 128;
/** From here on only a few calls at a time are of interest, and memory for more is none. */
const LARGE_BYTES = 256 * 1024;
const LARGE_CONCURRENCY = 16;

export interface MatrixWish {
  readonly extent: "quick" | "default" | "full";
  /** Instead of those of the extent. */
  readonly payloads?: readonly number[];
  readonly concurrencies?: readonly number[];
  readonly depths?: readonly number[];
  /** 0: no open loop. */
  readonly rate?: number;
}

/** All cells, by depth and then as they are measured. */
export function cellsOf(wish: MatrixWish): readonly Cell[] {
  const { extent, payloads, concurrencies, depths, rate = RATE } = wish;
  if (payloads === undefined && concurrencies === undefined && depths === undefined) return ownCells(extent, rate);
  const chosen = grid(payloads ?? [SMALL_BYTES], concurrencies ?? [1, 16, 128], depths ?? [1]);
  return wish.rate === undefined || rate === 0 ? chosen : [...chosen, open(payloads?.[0] ?? SMALL_BYTES, rate)];
}

function ownCells(extent: MatrixWish["extent"], rate: number): readonly Cell[] {
  const last = rate === 0 ? [] : [open(SMALL_BYTES, rate)];
  const small = grid([SMALL_BYTES], [1, 16, 128], [1]);
  if (extent === "quick") return [...small, ...last];
  if (extent === "default") {
    return [...small, ...last, ...grid(PAYLOADS.slice(2), [LARGE_CONCURRENCY], [1])];
  }
  const chains = grid([SMALL_BYTES], [1, 16, 128], DEPTHS.slice(1));
  return [...grid(PAYLOADS, CONCURRENCIES, [1]), ...last, ...chains];
}

function grid(payloads: readonly number[], concurrencies: readonly number[], depths: readonly number[]): Cell[] {
  return depths
    .flatMap((depth) =>
      payloads.flatMap((bytes) => concurrencies.map((concurrency) => closed(bytes, concurrency, depth))),
    )
    .filter(({ payloadBytes, concurrency }) => payloadBytes < LARGE_BYTES || concurrency <= LARGE_CONCURRENCY);
}

function closed(payloadBytes: number, concurrency: number, depth: number): Cell {
  return { mode: "closed", payloadBytes, concurrency, rate: 0, depth };
}

function open(payloadBytes: number, rate: number): Cell {
  return { mode: "open", payloadBytes, concurrency: 0, rate, depth: 1 };
}
