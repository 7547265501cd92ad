// Files that are whole or absent, whatever is killed and whoever else writes.
import { randomBytes } from "node:crypto";
import { link, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** Makes a folder that only its owner may enter, and its parents. */
export async function makePrivateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
}

/** Replaces a file: readers see the old or the new content, never a part. Mode 0600. */
export async function writePrivateFile(path: string, content: string): Promise<void> {
  const draft = await writeDraft(path, content);
  try {
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** Creates a file unless it is there, and returns the content it has then: all who race get the one that won. */
export async function readOrCreatePrivateFile(path: string, create: () => string): Promise<string> {
  const present = await readIfPresent(path);
  if (present !== undefined) return present;
  const content = create();
  const draft = await writeDraft(path, content);
  try {
    // A link, unlike a rename, refuses to replace what another process has just put there.
    await link(draft, path);
    return content;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return await readFile(path, "utf8");
  } finally {
    await rm(draft, { force: true });
  }
}

/** The text of a file, or undefined if there is none. */
export async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function writeDraft(path: string, content: string): Promise<string> {
  await makePrivateFolder(dirname(path));
  const draft = `${path}.${process.pid}.${randomBytes(6).toString("hex")}.draft`;
  const file = await open(draft, "wx", 0o600);
  try {
    await file.writeFile(content);
    // Without this a power cut can leave the name with nothing behind it.
    await file.sync();
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return draft;
}
