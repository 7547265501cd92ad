// The command as a whole: every verb has help and an example, the README says what there is, completion knows it all.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Command } from "commander";
import { createProgram } from "./program.ts";
import { completionScript, wordsOf } from "./verbs/completion.ts";

const program = createProgram();
const leaves = program.commands.flatMap((verb) => (verb.commands.length === 0 ? [verb] : verb.commands));

function helpOf(command: Command): string {
  const parts: string[] = [];
  command.configureOutput({ writeOut: (part) => void parts.push(part) });
  command.outputHelp();
  return parts.join("");
}

test("every verb has a description and an example", () => {
  for (const verb of [...program.commands, ...leaves]) {
    assert.notEqual(verb.description(), "", verb.name());
    assert.match(helpOf(verb), /\nExample:\n {2}(malla|npm|eval)/, verb.name());
  }
});

test("verbs that reach the mesh take -n and --servers; none says a flag twice", () => {
  const local = new Set(["up", "start", "issue", "list", "generate", "init", "completion"]);
  for (const verb of leaves) {
    const flags = verb.options.flatMap(({ short, long }) =>
      [short, long].filter((flag) => flag !== undefined && flag !== null),
    );
    assert.equal(new Set(flags).size, flags.length, verb.name());
    assert.equal(flags.includes("-n") && flags.includes("--servers"), !local.has(verb.name()), verb.name());
  }
});

test("the README's table of verbs is what there is", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const documented = [...readme.matchAll(/^\| `malla ([a-z]+(?: [a-z]+)?)[^|]*\| ([^|]+) \|$/gm)].map(
    ([, verb, what]) => [verb, what],
  );
  const actual = program.commands.flatMap((verb) =>
    verb.commands.length === 0
      ? [[verb.name(), verb.description()]]
      : verb.commands.map((sub) => [`${verb.name()} ${sub.name()}`, sub.description()]),
  );
  const short = actual.map(([verb, what]) => [verb, verb === "get" ? "list documents" : what]);
  assert.deepEqual(documented, short);
});

test("completion offers verbs, flags and kinds, and the shell takes the script", () => {
  const words = wordsOf(program);
  assert.ok(words.get("get")?.includes("routes") && words.get("credentials")?.includes("issue"));
  const script = `${completionScript("bash", words)}
COMP_WORDS=(malla get serv); COMP_CWORD=2; _malla; echo "\${COMPREPLY[*]}"
COMP_WORDS=(malla roll); COMP_CWORD=1; _malla; echo "\${COMPREPLY[*]}"
COMP_WORDS=(malla apply --dr); COMP_CWORD=2; _malla; echo "\${COMPREPLY[*]}"`;
  assert.equal(
    execFileSync("bash", ["--norc", "-c", script], { encoding: "utf8" }),
    "servicepolicies\nrollback\n--dry-run\n",
  );
});
