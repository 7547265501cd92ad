// What every verb has in common.
import type { Command } from "commander";

/** Adds itself to the program. */
export type Verb = (program: Command) => void;

/** Flags of verbs that reach the mesh. */
export function meshFlags(command: Command): Command {
  return command
    .option("-n, --namespace <name>", "namespace of the mesh (default: default)")
    .option(
      "--servers <urls>",
      "NATS servers (default: NATS_URL, else the mesh running here, else nats://127.0.0.1:4222)",
    );
}

export function outputFlag(command: Command): Command {
  return command.option("-o, --output <format>", "table, wide, json or yaml", "table");
}

export function example(command: Command, text: string): Command {
  return command.addHelpText(
    "after",
    `\nExample:\n${text
      .split("\n")
      .map((line) => `  ${line}`)
      .join("\n")}`,
  );
}
