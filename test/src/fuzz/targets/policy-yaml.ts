// Policy as people write it: YAML and JSON to documents, and on to the compiler. Whatever the text is, it is documents with
// places and problems with places; a document that was taken survives being written and read again.
import { compile } from "@malla/sdk/engine";
import {
  canonicalBytes,
  type DocumentEntry,
  formatProblemWithSource,
  MAX_PROBLEMS,
  parseDocuments,
  type ResourceProblem,
  toYaml,
  validateDocument,
} from "@malla/sdk/resources";
import { mutateTree } from "../mutate-tree.ts";
import { shippedDocuments, shippedPolicyFiles } from "../shipped-policies.ts";
import { bytesOf, type FuzzTarget, must, type Random, textOf } from "../target.ts";
import { weigh } from "../weigh.ts";

const FILE = "fuzz.yaml";
/** Defaults are filled in, and an alias of two characters may stand for much: 200,000 values a document, at most. */
const WEIGHT_PER_BYTE = 2_000;
const WEIGHT_BESIDE = 8 * 1024;
/** Of what a problem says, whatever it quotes. */
const MAX_TEXT_LENGTH = 320;

function checkPlace({ line, column }: { readonly line: number; readonly column: number }, lines: number): void {
  must(Number.isInteger(line) && line >= 1 && line <= lines, `line ${line} of ${lines}`);
  must(Number.isInteger(column) && column >= 1, `column ${column}`);
}

function checkProblem(problem: ResourceProblem, text: string, lines: number): void {
  checkPlace(problem, lines);
  must(problem.file === FILE && problem.message !== "", "a problem that says nothing");
  for (const said of [problem.path, problem.message, problem.hint ?? ""])
    must(said.length <= MAX_TEXT_LENGTH, () => `says ${said.length} characters: ${said.slice(0, 80)}`);
  const shown = formatProblemWithSource(problem, text).split("\n");
  must(shown.length === 1 || shown.length === 3, "a problem shown in other than one line, or three with its source");
  must(
    shown.every((line) => !/\p{Cc}/u.test(line)),
    "a control character in what a problem says",
  );
}

function checkEntry({ document, ...place }: DocumentEntry, lines: number): void {
  checkPlace(place, lines);
  const validated = validateDocument(document);
  must(validated.document !== undefined, () => `what was taken is refused: ${JSON.stringify(validated.problems[0])}`);
  const bytes = Buffer.from(canonicalBytes(document));
  must(bytes.equals(canonicalBytes(validated.document)), "normalising once more changes it");
  const again = parseDocuments(toYaml(document), { file: FILE });
  must(again.problems.length === 0, () => `written as YAML it is refused: ${JSON.stringify(again.problems[0])}`);
  must(
    again.documents.length === 1 && bytes.equals(canonicalBytes(again.documents[0] as never)),
    "written as YAML it differs",
  );
}

function run(text: string): string {
  const { documents, entries, problems } = parseDocuments(text, { file: FILE });
  // Line breaks as YAML has them, lone CR too.
  const lines = text.split(/\r\n|[\n\r]/).length;
  must(problems.length <= MAX_PROBLEMS && documents.length === entries.length, "problems without bound");
  for (const problem of problems) checkProblem(problem, text, lines);
  for (const entry of entries.slice(0, 20)) checkEntry(entry, lines);
  const weight = weigh(documents);
  must(
    weight <= text.length * WEIGHT_PER_BYTE + WEIGHT_BESIDE,
    `${text.length} characters became a weight of ${weight}`,
  );
  const compiled = compile(documents, 1);
  for (const { document, message } of compiled.problems)
    must(document !== "" && message !== "", "a problem that says nothing");
  const kinds = problems
    .slice(0, 3)
    .map(({ path, message }) => `${path.replace(/\d+/g, "#").slice(0, 24)} ${message.slice(0, 24)}`);
  return `${documents.length > 0 ? "ok" : "no"} ${Math.min(documents.length, 4)} ${kinds.join("; ")}`;
}

/** Documents changed as values, as JSON, as a list of kubectl's, or as several of them. */
function written(random: Random): Uint8Array {
  const document = (): unknown => {
    const given = shippedDocuments[Math.floor(random() * shippedDocuments.length)];
    return random() < 0.2 ? given : mutateTree(given, random, ["orders", "1.x", "a+", "(", "*.Place", ">", 1_000_000]);
  };
  const text = JSON.stringify(document(), null, random() < 0.5 ? 2 : 0) ?? "null";
  switch (Math.floor(random() * 4)) {
    case 0:
      return bytesOf(JSON.stringify({ kind: "List", items: [document(), document()] }));
    case 1:
      return bytesOf(`${text}\n---\n${JSON.stringify(document())}\n`);
    default:
      return bytesOf(text);
  }
}

const WORDS = [
  "---\n",
  "...\n",
  "%YAML 1.1\n",
  "- ",
  ": ",
  "\n  ",
  "\t",
  "# ",
  "&a ",
  "*a",
  "<<: *a\n",
  "!!str ",
  "!!binary ",
  "!<x> ",
  "| \n ",
  ">-\n",
  "? ",
  "{",
  "}",
  "[",
  "]",
  '"',
  "'",
  "\\u0000",
  "~",
  "null",
  "kind: Route\n",
  "kind: List\n",
  "spec: {}\n",
  "metadata: { name: a }\n",
  "regex: '(a+)+b'",
  "2000-01-01",
  "0o17",
  "0x1F",
  ".inf",
  "\u0085",
];

export const policyYaml: FuzzTarget = {
  name: "policy-yaml",
  seeds: [
    ...shippedPolicyFiles.map((text) => [bytesOf(text)]),
    ...shippedDocuments.map((document) => [bytesOf(toYaml(document))]),
  ],
  words: WORDS,
  generator: () => (random) => [written(random)],
  maxBytes: 128 * 1024,
  shortInputs: 1_200,
  boundMs: 5_000,
  open: () => ({ run: ([text]) => run(textOf(text)) }),
};
