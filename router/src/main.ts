#!/usr/bin/env node
// A router as a process of its own: configuration from the environment, drain on SIGTERM and SIGINT.
import { startRouter } from "./lifecycle.ts";

try {
  const router = await startRouter();
  const stop = (): void => {
    void router.drain().then(() => process.exit(0));
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  // For whoever waits until calls are carried, and for the port when any free one was asked for.
  if (process.env["MALLA_READY_LINE"] === "1")
    process.stdout.write(`${JSON.stringify({ router: router.id, metricsPort: router.metricsPort })}\n`);
  // Whoever started this process as a part of something larger holds its standard input: when that closes, all is over.
  if (process.env["MALLA_PARENT_STDIN"] === "1") process.stdin.on("end", stop).resume();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
