// What router/docs/architecture.md says of packages and levels, read from the page itself, so that it and the tests cannot differ.
import { readTracked } from "./source-tree.ts";

export const PAGE = "router/docs/architecture.md";

export interface House {
  /** By folder of the package: what it may import, as package or package/entry without the scope. */
  readonly packages: ReadonlyMap<string, readonly string[]>;
  /** By file or folder of sdk/src: its level. */
  readonly levels: ReadonlyMap<string, number>;
  /** "a b" where a may import b beside it. */
  readonly beside: ReadonlySet<string>;
}

export function readHouse(page = readTracked(PAGE)): House {
  const packages = [...page.matchAll(/^(\S+) {2,}.*? imports (.+)$/gm)].map(([, folder, list]): [string, string[]] => {
    const names =
      list === "nothing of ours" ? [] : (list as string).split(/, */).map((name) => name.replace("@malla/", ""));
    return [folder as string, names];
  });
  const levels = [...page.matchAll(/^\| (\d) \| ([^|]+) \|/gm)].flatMap(([, level, cell]) =>
    [...(cell as string).matchAll(/`([^`]+)`/g)].map(([, name]): [string, number] => [
      (name as string).replace(/\/$/, ""),
      Number(level),
    ]),
  );
  const beside = [...page.matchAll(/`(\w+)` stands on `(\w+)`/g)].map(([, above, below]) => `${above} ${below}`);
  return { packages: new Map(packages), levels: new Map(levels), beside: new Set(beside) };
}
