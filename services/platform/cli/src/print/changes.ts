// Changes of documents, for people with colours, for programs as data.
import { type DocumentChange, formatDiff } from "@malla/sdk/resources";
import { type Colour, type Paint, painter } from "./colour.ts";
import { type Format, printData } from "./output.ts";
import { plainLines } from "./plain-text.ts";

const COLOURS: Readonly<Record<string, Colour>> = { "+": "green", "-": "red", "~": "yellow" };

export function printChanges(format: Format, changes: readonly DocumentChange[]): void {
  const data = changes.map(({ document, change, fields }) => ({ document, change, fields }));
  printData(format, { changes: data }, () => formatChanges(changes, painter(process.stdout, process.env)));
}

/** Lines that begin with `+`, `-` or `~`; one that says so if there are none. */
export function formatChanges(changes: readonly DocumentChange[], paint: Paint): string {
  if (changes.length === 0) return "nothing would change";
  const paintLine = (line: string): string => {
    const colour = COLOURS[line.trimStart()[0] ?? ""];
    return colour === undefined ? line : paint(colour, line);
  };
  return plainLines(formatDiff(changes)).split("\n").map(paintLine).join("\n");
}
