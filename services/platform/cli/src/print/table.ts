// Tables of text: columns as wide as their widest cell, the way kubectl prints them.
import { plainText } from "./plain-text.ts";

const GAP = 3;

/** A header and rows as lines without trailing blanks, `gap` blanks between columns. Cells lose control characters. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[], gap = GAP): string {
  const cells = [header, ...rows].map((row) => row.map(plainText));
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join(" ".repeat(gap))
        .trimEnd(),
    )
    .join("\n");
}
