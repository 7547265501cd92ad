// promtool of Prometheus: from PATH, or out of Debian's package, which is unpacked and not installed.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { runTool, runWell } from "./run-tool.ts";
import { cachedTool, ToolMissing } from "./tool-cache.ts";

const FETCH_TIMEOUT_MS = 180_000;

/** Path of promtool. Throws ToolMissing where there is neither it nor a package of it. */
export async function findPromtool(): Promise<string> {
  if ((await runTool("promtool", ["--version"])).code === 0) return "promtool";
  const folder = await cachedTool("promtool", "debian", async (draft) => {
    const inDraft = { cwd: draft, timeoutMs: FETCH_TIMEOUT_MS };
    let fetched = await runTool("apt-get", ["download", "prometheus"], inDraft);
    // A fresh container has no list of packages.
    if (fetched.code !== 0 && process.getuid?.() === 0 && (await runTool("apt-get", ["update"], inDraft)).code === 0) {
      fetched = await runTool("apt-get", ["download", "prometheus"], inDraft);
    }
    const archive = (await readdir(draft)).find((name) => name.endsWith(".deb"));
    if (fetched.code !== 0 || archive === undefined) {
      throw new ToolMissing("there is no promtool: install Prometheus, on Debian with apt-get install prometheus");
    }
    await runWell("dpkg-deb", ["-x", archive, "."], inDraft);
  });
  return join(folder, "usr/bin/promtool");
}
