// `malla diff`: what apply would change.
import type { Command } from "commander";
import { planChange } from "../mesh/policy-change.ts";
import { readDocuments } from "../mesh/read-documents.ts";
import { type MeshFlags, openPolicy } from "../mesh/session.ts";
import { printChanges } from "../print/changes.ts";
import { parseFormat } from "../print/output.ts";
import { plainText } from "../print/plain-text.ts";
import { collect, example, meshFlags, outputFlag } from "./verb.ts";

interface DiffFlags extends MeshFlags {
  readonly filename: readonly string[];
  readonly output: string;
}

export function addDiff(program: Command): void {
  const command = program
    .command("diff")
    .description("show what apply would change; exits with 0 if nothing would, with 1 if anything would or it failed")
    .requiredOption("-f, --filename <path>", "file, folder or -; may be given several times", collect, [] as string[]);
  example(outputFlag(meshFlags(command)), "malla diff -f routes/");
  command.action(async (flags: DiffFlags) => {
    const format = parseFormat(flags.output);
    const read = await readDocuments(flags.filename);
    const policy = await openPolicy(flags);
    try {
      const { changes, warnings } = planChange(await policy.store.read(), read, new Date().toISOString(), "keep");
      for (const warning of warnings) process.stderr.write(`warning: ${plainText(warning)}\n`);
      printChanges(format, changes);
      process.exitCode = changes.length === 0 ? 0 : 1;
    } finally {
      await policy.close();
    }
  });
}
