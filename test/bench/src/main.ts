// `npm run bench`: everybody who is to be compared, started, measured, printed, ended. Ends with 1 if somebody
// could not be started or died, 2 if it was asked for what there is not. A call that fails is a number in its row.
import { CONTENDERS } from "./contenders/index.ts";
import { openMachine } from "./machine.ts";
import { printRows } from "./print-rows.ts";
import { type MatrixResult, runMatrix } from "./run-matrix.ts";
import { stopSignal } from "./stop-signal.ts";
import { readWish, USAGE, type Wish } from "./wish.ts";

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function run(wish: Wish): Promise<MatrixResult> {
  const machine = await openMachine(say);
  try {
    return await runMatrix(machine, { ...wish, signal: stopSignal(), say });
  } finally {
    await machine.close();
  }
}

function report({ rows, skipped }: MatrixResult, output: Wish["output"]): string {
  return output === "json" ? JSON.stringify({ rows, skipped }) : printRows(rows, skipped, output);
}

let wish: Wish | undefined;
try {
  wish = readWish(process.argv.slice(2), CONTENDERS);
} catch (error) {
  say(`${(error as Error).message}\n${USAGE}`);
  process.exitCode = 2;
}
if (wish !== undefined) {
  try {
    const result = await run(wish);
    process.stdout.write(`${report(result, wish.output)}\n`);
    if (result.skipped.some(({ failed }) => failed)) process.exitCode = 1;
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
