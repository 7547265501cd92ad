// `-o`: data for people or for programs.
import { stringify } from "yaml";
import { misuse } from "../failure.ts";
import { plainJson, plainLines } from "./plain-text.ts";

export const FORMATS = ["table", "wide", "json", "yaml"] as const;
export type Format = (typeof FORMATS)[number];

export function parseFormat(text: string | undefined): Format {
  const format = text ?? "table";
  if ((FORMATS as readonly string[]).includes(format)) return format as Format;
  throw misuse(`-o ${format}: one of ${FORMATS.join(", ")} is expected`);
}

/** Prints data as asked; `table` makes the lines for people, and is trusted to have made its cells plain. */
export function printData(format: Format, data: unknown, table: (wide: boolean) => string): void {
  process.stdout.write(formatData(format, data, table));
}

/** What `printData` prints. */
export function formatData(format: Format, data: unknown, table: (wide: boolean) => string): string {
  if (format === "json") return `${plainJson(JSON.stringify(data, null, 2))}\n`;
  if (format === "yaml") return plainLines(stringify(data));
  return `${table(format === "wide")}\n`;
}

/** Prints text of several lines that holds names from the mesh. */
export function printText(text: string): void {
  process.stdout.write(`${plainLines(text)}\n`);
}
