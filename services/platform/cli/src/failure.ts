// How a verb fails: the thing did not work (1), or it was used wrongly (2). Anything else thrown is a fault of ours.

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

/** One or two lines for people; the stack only for whoever asks with MALLA_DEBUG. */
export function describeFailure(thrown: unknown, debug: boolean): { text: string; exitCode: number } {
  const exitCode = thrown instanceof Failure ? thrown.exitCode : 1;
  if (!(thrown instanceof Error)) return { text: String(thrown), exitCode };
  return { text: debug ? (thrown.stack ?? thrown.message) : thrown.message, exitCode };
}
