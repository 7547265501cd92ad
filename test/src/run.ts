// `npm test`: all sections, or those it is asked for; see runner/run-program.ts for what it takes.
import { runProgram } from "./runner/run-program.ts";

await runProgram({ args: process.argv.slice(2) });
