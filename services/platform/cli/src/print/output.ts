// `-o`: data for people or for programs.
import { stringify } from "yaml";
import { misuse } from "../failure.ts";

export const FORMATS = ["table", "wide", "json", "yaml"] as const;
export type Format = (typeof FORMATS)[number];

export function parseFormat(text: string | undefined): Format {
  const format = text ?? "table";
  if ((FORMATS as readonly string[]).includes(format)) return format as Format;
  throw misuse(`-o ${format}: one of ${FORMATS.join(", ")} is expected`);
}

/** Prints data as asked; `table` makes the lines for people. */
export function printData(format: Format, data: unknown, table: (wide: boolean) => string): void {
  if (format === "json") process.stdout.write(`${JSON.stringify(data, null, 2)}\n`);
  else if (format === "yaml") process.stdout.write(stringify(data));
  else process.stdout.write(`${table(format === "wide")}\n`);
}
