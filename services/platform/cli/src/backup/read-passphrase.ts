// The passphrase of a backup: from a file, the environment or a terminal; never from an argument, which everybody on the machine
// can read.
import { readFileSync } from "node:fs";
import { Failure, misuse } from "../failure.ts";

/** A passphrase stands between a copy of the file and all keys of the mesh. */
const MIN_LENGTH = 12;

export interface PassphraseSources {
  /** Path of a file whose first line it is. */
  readonly file: string | undefined;
  /** What MALLA_BACKUP_PASSPHRASE says. */
  readonly environment: string | undefined;
  readonly terminal: Terminal | undefined;
}

export interface Terminal {
  /** Asks without showing what is typed. */
  readonly ask: (question: string) => Promise<string>;
}

/** A passphrase to open a backup with. Throws a Failure if there is none. */
export async function readPassphrase(sources: PassphraseSources): Promise<string> {
  return given(sources) ?? (await asked(sources.terminal, "passphrase: "));
}

/** A passphrase to make a backup with: at least twelve characters, and typed twice where it is typed. */
export async function readNewPassphrase(sources: PassphraseSources): Promise<string> {
  const known = given(sources);
  const passphrase = known ?? (await asked(sources.terminal, "new passphrase: "));
  if ([...passphrase].length < MIN_LENGTH)
    throw misuse(
      `the passphrase has fewer than ${MIN_LENGTH} characters; whoever guesses it has all keys of the mesh. Four random words are a good one.`,
    );
  if (known === undefined && (await asked(sources.terminal, "the same again: ")) !== passphrase)
    throw new Failure("these are two different passphrases; nothing was written");
  return passphrase;
}

function given({ file, environment }: PassphraseSources): string | undefined {
  if (file !== undefined) return firstLine(file);
  return environment === "" ? undefined : environment;
}

function firstLine(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw misuse(`--passphrase-file ${path} cannot be read: ${(error as Error).message}`);
  }
  const line = text.split(/\r?\n/, 1)[0] ?? "";
  if (line === "") throw misuse(`--passphrase-file ${path}: its first line is empty`);
  return line;
}

async function asked(terminal: Terminal | undefined, question: string): Promise<string> {
  if (terminal === undefined)
    throw misuse(
      "a passphrase is needed: --passphrase-file FILE or MALLA_BACKUP_PASSPHRASE, where no terminal can ask",
    );
  return await terminal.ask(question);
}

/** The terminal of this process, if it has one for input and for questions. */
export function ownTerminal(): Terminal | undefined {
  const { stdin, stderr } = process;
  if (!stdin.isTTY || !stderr.isTTY) return undefined;
  return {
    ask: async (question) => {
      stderr.write(question);
      stdin.setRawMode(true);
      try {
        return await typedLine(stdin);
      } finally {
        stdin.setRawMode(false);
        stdin.pause();
        stderr.write("\n");
      }
    },
  };
}

/** What is typed until Enter. In raw mode nobody else takes back characters, or ends what runs on Ctrl-C. */
export async function typedLine(input: NodeJS.ReadableStream): Promise<string> {
  return await new Promise((resolve, reject) => {
    let typed: string[] = [];
    const end = (act: () => void): void => {
      input.off("data", take).off("end", stop);
      act();
    };
    const stop = (): void => end(() => reject(new Failure("no passphrase was given; nothing was done")));
    const take = (chunk: Buffer | string): void => {
      for (const character of chunk.toString()) {
        if (character === "\r" || character === "\n") return end(() => resolve(typed.join("")));
        if (character === "\u0003" || character === "\u0004") return stop();
        if (character === "\u0015") typed = [];
        else if (character === "\u007f" || character === "\b") typed.pop();
        else typed.push(character);
      }
    };
    input.on("data", take).on("end", stop);
    (input as NodeJS.ReadStream).setEncoding("utf8");
    input.resume();
  });
}
