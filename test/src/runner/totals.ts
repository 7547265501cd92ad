// What one run hands to the next, so that the last of them can sum up all.
import { readFile, writeFile } from "node:fs/promises";
import type { Failure, Results } from "./results.ts";

interface Totals {
  readonly passed: number;
  readonly skipped: readonly (readonly [string, number])[];
  readonly failures: readonly Failure[];
}

/** Adds what the file says, if there is one. */
export async function addTotals(path: string, results: Results): Promise<void> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  if (text === "") return;
  const { passed, skipped, failures } = JSON.parse(text) as Totals;
  results.passed += passed;
  for (const [reason, count] of skipped) results.skip(reason, count);
  for (const { what, details } of failures) results.fail(what, details);
}

export async function writeTotals(path: string, { passed, leftOut, failures }: Results): Promise<void> {
  const totals: Totals = { passed, skipped: [...leftOut], failures };
  await writeFile(path, JSON.stringify(totals));
}
