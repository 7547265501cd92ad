// Programs of others that tests need, fetched once for all runs.
import { mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

/** A tool that cannot be had here; a test that needs it is skipped with this message. */
export class ToolMissing extends Error {}

/** Where a version of a tool is kept: `$XDG_CACHE_HOME/malla/<tool>/<version>`. */
export function toolFolder(tool: string, version: string): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(cache, "malla", tool, version);
}

/** The folder with the tool in it. `make` fills a draft, which takes its place whole: a run that is cut off leaves none. */
export async function cachedTool(
  tool: string,
  version: string,
  make: (draft: string) => Promise<void>,
): Promise<string> {
  const folder = toolFolder(tool, version);
  if (await exists(folder)) return folder;
  await mkdir(dirname(folder), { recursive: true });
  const draft = await mkdtemp(join(dirname(folder), "draft-"));
  try {
    await make(draft);
    await rename(draft, folder);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // Another run may have been quicker.
    if (!(await exists(folder))) throw error;
  }
  return folder;
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
