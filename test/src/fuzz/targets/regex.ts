// The linear regex engine: every source is compiled or refused with a sentence; what is compiled agrees with the platform's
// own matcher where that can be asked safely, and takes a time that goes with the text alone.
import { compileRegex } from "@malla/sdk/engine";
import { bytesOf, type FuzzTarget, must, type Random, textOf } from "../target.ts";

const SEEDS: readonly (readonly [string, string])[] = [
  ["v[12]", "v1"],
  ["(a+)+b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac"],
  ["(?i)Beta-[a-c]", "BETA-c"],
  ["(?P<tenant>t\\d+)-x|^y$", "t12-x"],
  ["(a|b)*a(a|b){12}", "abababababababab"],
  ["[^\\W\\d_-]{2,5}\\x41\\x{1f600}", "abA"],
  ["(((x{3}){3}){3}){3}", "x".repeat(81)],
  ["\\p{L}", ""],
];
const PIECES = [
  "a",
  "b",
  "c",
  "1",
  ".",
  "\\d",
  "\\w",
  "[ab]",
  "[^a]",
  "é",
  "😀",
  "\\.",
  "(",
  ")",
  "|",
  "*",
  "+",
  "?",
  "{2}",
  "{0,3}",
  "^",
  "$",
  "(?:",
  "(?i)",
  "[",
  "]",
  "-",
  "\\",
];
/** Longer ones would make the platform's matcher go back and forth for minutes, which is why there is another. */
const MAX_COMPARED_SOURCE = 20;
const MAX_COMPARED_TEXT = 12;
/** Characters that both matchers take for the same: no blanks, no line ends, nothing that folds outside ASCII. */
const COMPARABLE = /^[a-zA-Z0-9.\-_é😀]*$/u;

function reference(source: string): RegExp | undefined {
  try {
    return source.startsWith("(?i)")
      ? new RegExp(`^(?:${source.slice(4)})$`, "iu")
      : new RegExp(`^(?:${source})$`, "u");
  } catch {
    // Syntax of RE2 that JavaScript spells otherwise.
    return undefined;
  }
}

function run(source: string, text: string): string {
  const regex = compileRegex(source);
  if (typeof regex === "string") {
    must(/^the expression \w/.test(regex) && regex.length < 400, `a refusal that says nothing: ${regex.slice(0, 200)}`);
    return `no ${regex.slice(0, 40)}`;
  }
  const matches = regex.matches(text);
  must(typeof matches === "boolean" && regex.matches(text) === matches, "asked twice it differs");
  must(!matches || text.startsWith(regex.prefix), "a match that does not begin with the prefix");
  const mayAsk = source.length <= MAX_COMPARED_SOURCE && text.length <= MAX_COMPARED_TEXT && COMPARABLE.test(text);
  // Class escapes, `[]a]` and `(?P<` are where the two languages differ.
  const known = mayAsk && !/\[\^?\]|\(\?P?<|\\[sSaxvWDz]|\(\?i\)/.test(source) ? reference(source) : undefined;
  must(
    known === undefined || known.test(text) === matches,
    () => `${JSON.stringify(source)} on ${JSON.stringify(text)}: ${matches}`,
  );
  return `ok ${matches} ${known !== undefined} ${Math.min(source.length, 40)} ${Math.min(regex.prefix.length, 8)}`;
}

function made(random: Random): readonly Uint8Array[] {
  const draw = (pieces: readonly string[], most: number): string =>
    Array.from({ length: Math.floor(random() * most) }, () => pieces[Math.floor(random() * pieces.length)]).join("");
  return [bytesOf(draw(PIECES, 10)), bytesOf(draw(["a", "b", "c", "1", ".", "-", "é", "😀", "A"], 10))];
}

export const regexes: FuzzTarget = {
  name: "regex",
  seeds: SEEDS.map(([source, text]) => [bytesOf(source), bytesOf(text)]),
  words: [
    ...PIECES,
    "{1000}",
    "{1,}",
    "{,3}",
    "(?=",
    "(?<!",
    "\\1",
    "\\b",
    "[[:alpha:]]",
    "(?P<n>",
    "a-z",
    "\\x{",
    "\ud800",
  ],
  generator: () => made,
  maxBytes: 64 * 1024,
  shortInputs: 8_000,
  open: () => ({ run: ([source, text]) => run(textOf(source), textOf(text)) }),
};
