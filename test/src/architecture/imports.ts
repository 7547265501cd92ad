// What a file imports.
import { maskText } from "./source-text.ts";

export interface Import {
  readonly specifier: string;
  /** Gone when types are stripped: nothing is loaded by it. */
  readonly typeOnly: boolean;
  /** `import()`: loaded only when that line is reached. */
  readonly lazy: boolean;
  readonly line: number;
}

const STATIC = /^[ \t]*(?:import|export)\b(?<clause>[^;"'`()]*?)\bfrom\s*(?<quote>["'])(?<blank>[^"'\n]*)\k<quote>/gm;
const BARE = /^[ \t]*import\s*(?<quote>["'])(?<blank>[^"'\n]*)\k<quote>/gm;
const LAZY = /\bimport\s*\(\s*(?<quote>["'])(?<blank>[^"'\n]*)\k<quote>/g;

/** Every import, re-export and `import()` of a literal, in the order of the file. */
export function readImports(text: string): readonly Import[] {
  const mask = maskText(text);
  const find = (pattern: RegExp, typeOnly: (clause: string) => boolean, lazy: boolean): (Import & { at: number })[] =>
    [...mask.matchAll(pattern)].map((match) => {
      const end = match.index + match[0].length - 1;
      const length = match.groups?.blank?.length ?? 0;
      return {
        specifier: text.slice(end - length, end),
        typeOnly: typeOnly(match.groups?.clause ?? ""),
        lazy,
        line: text.slice(0, end).split("\n").length,
        at: match.index,
      };
    });
  return [...find(STATIC, isTypeClause, false), ...find(BARE, () => false, false), ...find(LAZY, () => false, true)]
    .sort((a, b) => a.at - b.at)
    .map(({ at: _, ...found }) => found);
}

/**
 * `import type …` alone. Of `import { type A } from "b"` the braces go and `import "b"` would stay, since the compiler is told
 * to keep imports as written.
 */
function isTypeClause(clause: string): boolean {
  return /^\s*type\b(?!\s*(,|from\b))/.test(`${clause} from`) && !/^\s*type\s*$/.test(clause);
}
