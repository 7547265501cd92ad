// What instances in processes of their own have run: one line a run, written before the work.
import { readFileSync } from "node:fs";

export interface LedgerLine {
  readonly kind: string;
  readonly id: string;
  readonly instance: string;
  readonly attempt: number;
}

/** Every run so far; a line a killed process left unfinished is not one. */
export function readLedger(path: string): readonly LedgerLine[] {
  let text = "";
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const lines = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
  return lines
    .filter((line) => line !== "")
    .map((line) => {
      const [kind = "", id = "", instance = "", attempt = ""] = line.split(" ");
      return { kind, id, instance, attempt: Number(attempt) };
    });
}

/** Ids of one kind that ran more than once. */
export function ranTwice(lines: readonly LedgerLine[], kind: string): readonly string[] {
  const counts = new Map<string, number>();
  for (const line of lines) if (line.kind === kind) counts.set(line.id, (counts.get(line.id) ?? 0) + 1);
  return [...counts].filter(([, count]) => count > 1).map(([id]) => id);
}
