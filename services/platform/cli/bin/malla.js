#!/usr/bin/env node
// Starts the compiled command. On a Node that is too old it hands over to the one the project brings along.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const main = new URL("../dist/main.js", import.meta.url);
const projectNode = fileURLToPath(new URL("../../../../node_modules/.bin/node", import.meta.url));

if (!existsSync(main)) {
  process.stderr.write("malla is not built yet: run `npm start` or `npm run build` once\n");
  process.exit(1);
} else if (
  Number(process.versions.node.split(".")[0]) < 24 &&
  existsSync(projectNode) &&
  process.execPath !== projectNode
) {
  const { status, signal } = spawnSync(projectNode, [fileURLToPath(main), ...process.argv.slice(2)], {
    stdio: "inherit",
  });
  if (signal !== null) process.kill(process.pid, signal);
  process.exit(status ?? 1);
} else {
  await import(main.href);
}
