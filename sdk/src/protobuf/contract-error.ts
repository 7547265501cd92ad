// The error of everything that happens before the first call: reading, linking and binding .proto files.

/** A .proto file cannot be used as it is. The message says where, what, and what to do. */
export class ContractError extends Error {
  /** The file as it was opened, or as it was imported if it was not found. */
  readonly file: string | undefined;
  /** Counted from 1; undefined if no single line is to blame. */
  readonly line: number | undefined;

  constructor(place: { readonly file?: string | undefined; readonly line?: number | undefined }, problem: string) {
    super(`${formatPlace(place)}${shortened(problem)}`);
    this.name = "ContractError";
    this.file = place.file;
    this.line = place.line;
  }
}

const MAX_PROBLEM_LENGTH = 1_500;
/** What to do stands at the end. */
const KEPT_END_LENGTH = 300;

/** A name in a file may be as long as the file. */
function shortened(problem: string): string {
  if (problem.length <= MAX_PROBLEM_LENGTH) return problem;
  return `${problem.slice(0, MAX_PROBLEM_LENGTH - KEPT_END_LENGTH)}…${problem.slice(-KEPT_END_LENGTH)}`;
}

function formatPlace({
  file,
  line,
}: {
  readonly file?: string | undefined;
  readonly line?: number | undefined;
}): string {
  if (file === undefined) return "";
  return line === undefined ? `${file}: ` : `${file}:${line}: `;
}
