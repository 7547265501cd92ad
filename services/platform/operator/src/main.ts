#!/usr/bin/env node
// The operator as a process: configuration from the environment, gives back the Lease on SIGTERM and SIGINT.
import { loadOperatorConfig } from "./config.ts";
import { startOperator } from "./operator.ts";

try {
  const operator = await startOperator(loadOperatorConfig(process.env));
  const stop = (): void => {
    void operator.stop().then(() => process.exit(0));
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  // For whoever waits until it is there, and for the port when any free one was asked for.
  if (process.env["MALLA_READY_LINE"] === "1")
    process.stdout.write(`${JSON.stringify({ operator: operator.identity, port: operator.port })}\n`);
  // Whoever started this process as a part of something larger holds its standard input: when that closes, all is over.
  if (process.env["MALLA_PARENT_STDIN"] === "1") process.stdin.on("end", stop).resume();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
