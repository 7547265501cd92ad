// Tables of pages that are held to the code.

/** Cells of the first table below a heading (`## …`), without its head and their blanks. */
export function tableBelow(page: string, heading: string): readonly (readonly string[])[] {
  const lines = page.slice(page.indexOf(`## ${heading}`)).split("\n");
  const from = lines.findIndex((line) => line.startsWith("|"));
  const to = lines.findIndex((line, i) => i > from && !line.startsWith("|"));
  return lines.slice(from + 2, to < 0 ? undefined : to).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** Titles of tests that a cell names, in double quotes. */
export function titlesIn(cell: string): readonly string[] {
  return [...cell.matchAll(/"([^"]+)"/g)].map(([, title]) => title as string);
}
