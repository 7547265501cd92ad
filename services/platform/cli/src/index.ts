// What other programs may use of the command: the command itself.
export { createProgram, runProgram } from "./program.ts";
