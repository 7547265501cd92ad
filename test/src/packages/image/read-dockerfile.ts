// Reads a Dockerfile into its instructions, as far as ours goes: continued lines and comments; no heredocs, no variables.

export interface Instruction {
  /** In upper case. */
  readonly keyword: string;
  /** `--name=value` before the arguments. */
  readonly flags: Readonly<Record<string, string>>;
  /** What follows, lines joined. */
  readonly text: string;
  readonly line: number;
}

export interface Stage {
  readonly image: string;
  /** After AS; its number without. */
  readonly name: string;
  /** Behind FROM. */
  readonly instructions: readonly Instruction[];
  readonly line: number;
}

/** Throws for what it does not understand, so that nothing is passed over unseen. */
export function readDockerfile(text: string): readonly Stage[] {
  const stages: (Stage & { instructions: Instruction[] })[] = [];
  for (const instruction of readInstructions(text)) {
    if (instruction.keyword === "FROM") {
      const [, image, name] = /^(\S+)(?:\s+AS\s+(\S+))?$/i.exec(instruction.text) ?? [];
      if (image === undefined) throw new Error(`line ${instruction.line}: FROM ${instruction.text}`);
      stages.push({ image, name: name ?? String(stages.length), instructions: [], line: instruction.line });
      continue;
    }
    const stage = stages.at(-1);
    if (stage === undefined) throw new Error(`line ${instruction.line}: ${instruction.keyword} before FROM`);
    stage.instructions.push(instruction);
  }
  return stages;
}

function readInstructions(text: string): readonly Instruction[] {
  const instructions: Instruction[] = [];
  let parts: string[] = [];
  let startedAt = 0;
  text.split("\n").forEach((raw, index) => {
    const line = raw.trim();
    if (line.startsWith("#") || (line === "" && parts.length === 0)) return;
    if (parts.length === 0) startedAt = index + 1;
    parts.push(line.replace(/\\$/, "").trim());
    if (line.endsWith("\\")) return;
    instructions.push(readInstruction(parts.join(" ").trim(), startedAt));
    parts = [];
  });
  if (parts.length > 0) throw new Error(`line ${startedAt}: it goes on, and the file does not`);
  return instructions;
}

function readInstruction(text: string, line: number): Instruction {
  const [, keyword, rest] = /^([A-Za-z]+)\s+(.*)$/.exec(text) ?? [];
  if (keyword === undefined || rest === undefined) throw new Error(`line ${line}: this is no instruction: ${text}`);
  if (/<<-?["']?[A-Z]/.test(rest)) throw new Error(`line ${line}: heredocs are not read here`);
  const flags: Record<string, string> = {};
  let remaining = rest;
  for (
    let flag = /^--([a-z-]+)=(\S+)\s+/.exec(remaining);
    flag !== null;
    flag = /^--([a-z-]+)=(\S+)\s+/.exec(remaining)
  ) {
    flags[flag[1] as string] = flag[2] as string;
    remaining = remaining.slice(flag[0].length);
  }
  return { keyword: keyword.toUpperCase(), flags, text: remaining.trim(), line };
}
