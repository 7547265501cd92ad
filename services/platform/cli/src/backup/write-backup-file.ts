// Writes a backup: whole or not at all, for its owner alone, and over another only if that is wanted.
import { link, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { Failure } from "../failure.ts";

/** Throws a Failure if the file is there and may not be replaced, or cannot be written; then nothing has changed. */
export async function writeBackupFile(path: string, content: Uint8Array, replace: boolean): Promise<void> {
  const draft = `${path}.${process.pid}.draft`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeDraft(draft, content);
    // A link, unlike a rename, refuses to replace what is there.
    if (replace) await rename(draft, path);
    else await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST")
      throw new Failure(`${path} is there already; another name, or --force, which replaces it`);
    throw new Failure(`${path} cannot be written: ${(error as Error).message}`);
  } finally {
    await rm(draft, { force: true });
  }
}

async function writeDraft(path: string, content: Uint8Array): Promise<void> {
  await rm(path, { force: true });
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(content);
    // Without this a power cut can leave the name with nothing behind it.
    await file.sync();
  } finally {
    await file.close();
  }
}
