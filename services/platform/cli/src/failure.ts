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
  return { text: plainLines(debug ? (thrown.stack ?? thrown.message) : thrown.message), exitCode };
}
