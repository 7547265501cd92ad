#!/usr/bin/env node
// Starts the compiled command. On a Node that is too old it hands over to the one the project brings along.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const MIN_NODE_MAJOR = 24;
const main = new URL("../dist/main.js", import.meta.url);
const projectNode = fileURLToPath(new URL("../../../../node_modules/.bin/node", import.meta.url));
const isOld = Number(process.versions.node.split(".")[0]) < MIN_NODE_MAJOR;

if (!existsSync(main)) {
  process.stderr.write("malla is not built yet: run `npm start` or `npm run build` once\n");
  process.exit(1);
} else if (!isOld) {
  await import(main.href);
} else if (existsSync(projectNode)) {
  handOver();
} else {
  process.stderr.write(
    `malla needs Node ${MIN_NODE_MAJOR}, and this is ${process.versions.node}: run \`npm start\` once, which brings one\n`,
  );
  process.exit(1);
}

/** Signals are passed on, and the exit code comes back; the channel tells the command when we are killed. */
function handOver() {
  const stdio = ["inherit", "inherit", "inherit", "ipc"];
  const child = spawn(projectNode, [fileURLToPath(main), ...process.argv.slice(2)], { stdio });
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  // A terminal sends Ctrl-C to both of us; without one it comes to us alone.
  process.on("SIGINT", () => {
    if (!process.stdin.isTTY) child.kill("SIGINT");
  });
  child.once("error", (error) => {
    process.stderr.write(`malla: ${projectNode} does not run: ${error.message}\n`);
    process.exit(1);
  });
  child.once("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
