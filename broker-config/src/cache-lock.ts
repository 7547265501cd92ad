// One process at a time builds or downloads; the others wait for what it makes.
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 250;
/** A lock without an owner's id this old was left by a process killed between two calls. */
const ORPHAN_MS = 5_000;

/**
 * Runs `work` while holding the folder `lock`. A lock whose process is gone is taken over. `onWait` is called once if
 * somebody else holds it.
 */
export async function withLock<T>(lock: string, onWait: (owner: string) => void, work: () => Promise<T>): Promise<T> {
  let told = false;
  while (!(await take(lock))) {
    const owner = await ownerOf(lock);
    if (owner !== undefined && !told) onWait(owner);
    told ||= owner !== undefined;
    await sleep(POLL_MS);
  }
  try {
    return await work();
  } finally {
    await rm(lock, { recursive: true, force: true });
  }
}

async function take(lock: string): Promise<boolean> {
  try {
    await mkdir(lock);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    if (await isAbandoned(lock)) await rm(lock, { recursive: true, force: true });
    return false;
  }
  await writeFile(join(lock, "pid"), String(process.pid));
  return true;
}

async function ownerOf(lock: string): Promise<string | undefined> {
  return await readFile(join(lock, "pid"), "utf8").catch(() => undefined);
}

async function isAbandoned(lock: string): Promise<boolean> {
  const owner = await ownerOf(lock);
  if (owner === undefined || owner === "") {
    const age = await stat(lock).then(
      (found) => Date.now() - found.mtimeMs,
      () => 0,
    );
    return age > ORPHAN_MS;
  }
  try {
    process.kill(Number(owner), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
