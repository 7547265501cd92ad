// The result for people: a table a cell, everybody's numbers and their ratios to those they are compared with.
import { cellKey, describeCell, type Row, type Skipped } from "./cell.ts";
import { REFERENCES, ratiosOf } from "./ratios.ts";

/** Below this, others are what a machine does by itself. */
const NOISY_PERCENT = 5;

type Style = "text" | "markdown";

/** Ratios are written `calls/s ×, p50 ×, CPU ×`. */
export function printRows(rows: readonly Row[], skipped: readonly Skipped[], style: Style): string {
  const references = REFERENCES.filter((name) => rows.some(({ contender }) => contender === name));
  const header = [
    "contender",
    "calls/s",
    "p50 ms",
    "p99 ms",
    "p99.9 ms",
    "CPU us",
    "failed",
    ...references.map(toReference),
  ];
  const cells = [...new Set(rows.map((row) => cellKey(row, row.tls)))];
  const tables = cells.map((cell) => {
    const group = rows.filter((row) => cellKey(row, row.tls) === cell);
    const [first] = group as [Row];
    const lines = group.map((row) => [...numbersOf(row), ...ratioCells(row, rows, references)]);
    return `${heading(first, style)}\n\n${table([header, ...lines], style)}\n`;
  });
  const noise = Math.max(...rows.map(({ othersPercent }) => othersPercent));
  const warning = `Other programs used up to ${Math.round(noise)} % of this machine meanwhile: compare with care.\n`;
  const left = skipped.map(
    ({ contender, why, failed }) => `- ${contender} ${failed ? "failed" : "was skipped"}: ${why}`,
  );
  return [
    ...tables,
    ...(noise > NOISY_PERCENT ? [warning] : []),
    ...(left.length === 0 ? [] : [`${left.join("\n")}\n`]),
  ].join("\n");
}

function toReference(name: string): string {
  return `to ${name}`;
}

function heading(row: Row, style: Style): string {
  const text = `${describeCell(row)}${row.tls ? ", TLS" : ""}, medians of ${row.rounds}`;
  return style === "markdown" ? `**${text}**` : text;
}

function numbersOf(row: Row): string[] {
  return [
    row.contender,
    Math.round(row.callsPerSecond).toLocaleString("en-US"),
    ...[row.p50Ms, row.p99Ms, row.p999Ms].map((ms) => ms.toFixed(ms < 10 ? 3 : 1)),
    row.cpuMicrosPerCall.toFixed(row.cpuMicrosPerCall < 1000 ? 1 : 0),
    String(row.failed),
  ];
}

function ratioCells(row: Row, rows: readonly Row[], references: readonly string[]): string[] {
  const ratios = ratiosOf(row, rows);
  return references.map((reference) => {
    const ratio = ratios.find((one) => one.reference === reference);
    if (ratio === undefined) return "-";
    return [ratio.callsPerSecond, ratio.p50, ratio.cpu].map((value) => value.toFixed(2)).join(" / ");
  });
}

function table(lines: readonly (readonly string[])[], style: Style): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  // The name to the left, numbers to the right.
  const cells = lines.map((line) =>
    line.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))),
  );
  if (style === "text") return cells.map((line) => line.join("  ").trimEnd()).join("\n");
  const rule = widths.map((width, column) =>
    column === 0 ? "-".repeat(width) : `${"-".repeat(Math.max(width - 1, 2))}:`,
  );
  return [cells[0] ?? [], rule, ...cells.slice(1)].map((line) => `| ${line.join(" | ")} |`).join("\n");
}
