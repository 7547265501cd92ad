// What every verb has in common.
import type { Command } from "commander";

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
  const lines = text.split("\n").map((line) => `  ${line}`);
  return command.addHelpText("after", `\nExample:\n${lines.join("\n")}`);
}

/** For an option that may be given several times. */
export function collect(value: string, all: readonly string[]): string[] {
  return [...all, value];
}
