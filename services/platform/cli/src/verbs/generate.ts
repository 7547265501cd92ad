// `malla generate`: typed contracts from .proto files.
import { generate } from "@malla/sdk/protobuf";
import type { Command } from "commander";
import { example } from "./verb.ts";

export function addGenerate(program: Command): void {
  const command = program
    .command("generate")
    .description("write a readable .ts file for each .proto file: types, and a contract that needs no file at run time")
    .argument("<files...>")
    .requiredOption("-o, --out-dir <folder>", "where to write")
    .option(
      "-I, --include <folder>",
      "where to look for imports; may be given several times",
      (value: string, all: string[]) => [...all, value],
      [] as string[],
    );
  example(command, "malla generate protos/payments.proto -o src/contracts -I protos");
  command.action(async (files: string[], flags: { readonly outDir: string; readonly include: readonly string[] }) => {
    const written = await generate(files, { outDir: flags.outDir, includeDirs: [...flags.include] });
    process.stdout.write(`${written.join("\n")}\n`);
  });
}
