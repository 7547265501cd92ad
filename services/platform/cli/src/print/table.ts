// Tables of text: columns as wide as their widest cell, the way kubectl prints them.
import { plainText } from "./plain-text.ts";

/** A header and rows as lines without trailing blanks. Cells lose control characters. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [header, ...rows].map((row) => row.map(plainText));
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("   ")
        .trimEnd(),
    )
    .join("\n");
}
