// `malla completion`: completion scripts, made from the program itself.
import { kindWords } from "@malla/sdk/resources";
import type { Command } from "commander";
import { misuse } from "../failure.ts";
import { example } from "./verb.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

export function addCompletion(program: Command): void {
  const command = program
    .command("completion")
    .description("print a completion script")
    .argument("<shell>", SHELLS.join(", "));
  example(command, 'eval "$(malla completion bash)"');
  command.action((shell: string) => {
    if (!(SHELLS as readonly string[]).includes(shell))
      throw misuse(`${shell}: one of ${SHELLS.join(", ")} is expected`);
    process.stdout.write(completionScript(shell as (typeof SHELLS)[number], wordsOf(program)));
  });
}

type Words = ReadonlyMap<string, readonly string[]>;

/** Verbs that take a kind first. */
const TAKE_KINDS: ReadonlySet<string> = new Set(["get", "describe", "delete"]);

/** Verbs, and the sub-verbs, kinds and flags of each. */
export function wordsOf(program: Command): Words {
  return new Map(program.commands.map((verb) => [verb.name(), wordsAfter(verb)]));
}

function wordsAfter(verb: Command): readonly string[] {
  const options = [verb, ...verb.commands].flatMap((command) => command.options);
  const flags = options.map(({ long }) => long).filter((flag) => flag !== undefined && flag !== null);
  return [
    ...verb.commands.map((sub) => sub.name()),
    ...(TAKE_KINDS.has(verb.name()) ? kindWords() : []),
    ...(verb.name() === "completion" ? SHELLS : []),
    ...new Set([...flags, "--help"]),
  ];
}

export function completionScript(shell: (typeof SHELLS)[number], words: Words): string {
  const verbs = [...words.keys()];
  if (shell === "fish") {
    const lines = verbs.flatMap((verb) => [
      `complete -c malla -n __fish_use_subcommand -a ${verb}`,
      ...(words.get(verb) ?? []).map(
        (word) =>
          `complete -c malla -n "__fish_seen_subcommand_from ${verb}" ${word.startsWith("--") ? `-l ${word.slice(2)}` : `-a ${word}`}`,
      ),
    ]);
    return `${lines.join("\n")}\n`;
  }
  const cases = verbs
    .map((verb) => `    ${verb}) COMPREPLY=($(compgen -W "${(words.get(verb) ?? []).join(" ")}" -- "$word"));;`)
    .join("\n");
  const script = `_malla() {
  local word="\${COMP_WORDS[COMP_CWORD]}"
  if [ "$COMP_CWORD" -eq 1 ]; then COMPREPLY=($(compgen -W "${verbs.join(" ")}" -- "$word")); return; fi
  case "\${COMP_WORDS[1]}" in
${cases}
  esac
}
complete -o default -F _malla malla
`;
  return shell === "zsh"
    ? `autoload -U +X compinit && compinit -u\nautoload -U +X bashcompinit && bashcompinit\n${script}`
    : script;
}
