// How a verb fails: the thing did not work (1), or it was used wrongly (2). Anything else thrown is a fault of ours.
import { plainLines } from "./print/plain-text.ts";

export class Failure extends Error {
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.name = "Failure";
    this.exitCode = exitCode;
  }
}

/** Used wrongly. */
export function misuse(message: string): Failure {
  return new Failure(message, 2);
}

/** Lines for people, as few as say it; the stack only for whoever asks with MALLA_DEBUG. */
export function describeFailure(thrown: unknown, debug: boolean): { text: string; exitCode: number } {
  const exitCode = thrown instanceof Failure ? thrown.exitCode : 1;
  if (!(thrown instanceof Error)) return { text: plainLines(String(thrown)), exitCode };
  const text = debug ? (thrown.stack ?? thrown.message) : thrown.message;
  return { text: plainLines(text + whatToDo(thrown)), exitCode };
}

const OF_FILES: Readonly<Record<string, string>> = {
  EACCES: "see who may write there",
  EPERM: "see who may write there",
  EROFS: "nothing can be written there",
  ENOTDIR: "a file stands where a folder is expected",
  EISDIR: "a folder stands where a file is expected",
  ENOSPC: "the disk is full: make room",
};

/** The system names the path, and no more. */
function whatToDo({ path, code }: NodeJS.ErrnoException): string {
  const advice = path === undefined ? undefined : OF_FILES[code ?? ""];
  return advice === undefined ? "" : `\n  ${advice}${elsewhere(path as string)}`;
}

function elsewhere(path: string): string {
  if (/[\\/]\.malla($|[\\/])/.test(path)) return "; MALLA_HOME puts .malla elsewhere";
  return /[\\/]malla[\\/]nats-server/.test(path) ? "; XDG_CACHE_HOME puts downloads elsewhere" : "";
}
