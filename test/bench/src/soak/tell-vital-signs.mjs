// Loaded before a Node program (`--import`): on SIGUSR2 it collects garbage and writes down what is left, for `read-vital-signs.ts`.
// Plain JavaScript, because what strips types takes more memory than the program it would be measured with.
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const folder = process.env.VITAL_SIGNS;
if (folder !== undefined) {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc");
  const file = join(folder, `${process.pid}.json`);
  let count = 0;
  process.on("SIGUSR2", () => {
    collect();
    const { heapUsed } = process.memoryUsage();
    const signs = { count: ++count, heapBytes: heapUsed, resources: process.getActiveResourcesInfo().length };
    // Whole or not at all, for whoever reads meanwhile.
    writeFileSync(`${file}.draft`, JSON.stringify(signs));
    renameSync(`${file}.draft`, file);
  });
}
