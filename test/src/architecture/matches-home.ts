import { matchesGlob } from "node:path";
import type { Home } from "./homes.ts";

/** Whether one of the homes holds the file. */
export function isAtHome(path: string, homes: readonly Home[]): boolean {
  return homes.some(({ files }) => files.some((glob) => matchesGlob(path, glob)));
}
