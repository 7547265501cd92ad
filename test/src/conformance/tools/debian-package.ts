// A package of Debian, unpacked and not installed: needs no root.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { runTool, runWell } from "./run-tool.ts";

const FETCH_TIMEOUT_MS = 180_000;

/** Unpacks it into `folder`. False where there is no such package, or no Debian. */
export async function unpackDebianPackage(name: string, folder: string): Promise<boolean> {
  const options = { cwd: folder, timeoutMs: FETCH_TIMEOUT_MS };
  let fetched = await runTool("apt-get", ["download", name], options);
  // A fresh container has no list of packages.
  if (fetched.code !== 0 && process.getuid?.() === 0 && (await runTool("apt-get", ["update"], options)).code === 0) {
    fetched = await runTool("apt-get", ["download", name], options);
  }
  const archive = (await readdir(folder)).find((file) => file.startsWith(`${name}_`) && file.endsWith(".deb"));
  if (fetched.code !== 0 || archive === undefined) return false;
  await runWell("dpkg-deb", ["-x", join(folder, archive), folder], options);
  return true;
}
