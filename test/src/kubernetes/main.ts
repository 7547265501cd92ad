// `npm run test:kubernetes`: gets the programs of Kubernetes first, then runs what needs them. Takes what `npm test` takes.

import { runProgram } from "../runner/run-program.ts";
import { getPrograms } from "./programs/get-programs.ts";

await runProgram({
  args: process.argv.slice(2),
  sections: ["kubernetes"],
  before: async (print, signal) => {
    await getPrograms({ progress: (line) => print(`kubernetes: ${line}\n`), signal });
  },
});
