// promtool of Prometheus: from PATH, or out of Debian's package, which is unpacked and not installed.
import { join } from "node:path";
import { unpackDebianPackage } from "./debian-package.ts";
import { runTool } from "./run-tool.ts";
import { cachedTool, ToolMissing } from "./tool-cache.ts";

/** Path of promtool. Throws ToolMissing where there is neither it nor a package of it. */
export async function findPromtool(): Promise<string> {
  if ((await runTool("promtool", ["--version"])).code === 0) return "promtool";
  const folder = await cachedTool("promtool", "debian", async (draft) => {
    if (await unpackDebianPackage("prometheus", draft)) return;
    throw new ToolMissing("there is no promtool: install Prometheus, on Debian with apt-get install prometheus");
  });
  return join(folder, "usr/bin/promtool");
}
