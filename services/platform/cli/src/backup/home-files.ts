// The files of a home that a backup holds: all keys, and the JWTs made of them, which running servers want to see unchanged.
// Credentials are not among them: each can be issued again from the keys, and what was issued stays good by them.
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { ACCOUNTS_CONF, keysFolder } from "@malla/broker-config";
import { Failure } from "../failure.ts";

const KEYS = "keys";
const ACCOUNTS = `server/${ACCOUNTS_CONF}`;
/** Left over by a process that was killed while it wrote. */
const DRAFT = /\.draft$/;

export type HomeFiles = Readonly<Record<string, string>>;

/** Text of each by its path below the home. Empty where there is no home. */
export async function readHomeFiles(home: string): Promise<HomeFiles> {
  const files: Record<string, string> = {};
  if (!existsSync(keysFolder(home))) return files;
  for (const entry of await readdir(keysFolder(home), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name.startsWith(".") || DRAFT.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    files[relative(home, path).replaceAll("\\", "/")] = await readFile(path, "utf8");
  }
  const accounts = join(home, ACCOUNTS);
  if (existsSync(accounts)) files[ACCOUNTS] = await readFile(accounts, "utf8");
  return files;
}

/** Files of `present` that would be another, or no more, were it made to be `wanted`. Sorted. */
export function wouldReplace(present: HomeFiles, wanted: HomeFiles): readonly string[] {
  return Object.keys(present)
    .filter((path) => present[path] !== wanted[path])
    .sort();
}

/** A folder within the home that holds the files as they will be; it can be read as a home itself. */
export interface Staged {
  readonly folder: string;
  /** Takes their place. What was there is moved aside; the path to which, if there was anything. */
  readonly commit: (now: Date) => Promise<string | undefined>;
  /** Gives them up; after `commit` there is nothing to give up. */
  readonly discard: () => Promise<void>;
}

/** Writes files (0600, folders 0700) beside those that are in use, which stay as they are until `commit`. */
export async function stageHomeFiles(home: string, files: HomeFiles): Promise<Staged> {
  if (!Object.keys(files).some((path) => path.startsWith(`${KEYS}/`))) throw new Failure("the backup holds no keys");
  const isNew = !existsSync(home);
  const folder = join(home, `restore.${process.pid}`);
  let committed = false;
  const discard = async (): Promise<void> => {
    if (!committed) await rm(isNew ? home : folder, { recursive: true, force: true });
  };
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true, mode: 0o700 });
      await writeFile(join(folder, path), text, { mode: 0o600, flush: true });
    }
  } catch (error) {
    await discard();
    throw new Failure(`${folder} cannot be written: ${(error as Error).message}`);
  }
  return {
    folder,
    discard,
    commit: async (now) => {
      // From here on the home is what was there before, or half of it: neither may be removed.
      committed = true;
      return await commit(home, folder, now);
    },
  };
}

async function commit(home: string, folder: string, now: Date): Promise<string | undefined> {
  const staged = await readHomeFiles(folder);
  const present = await readHomeFiles(home);
  const replaces = wouldReplace(present, staged).length > 0;
  const aside = join(home, `keys.replaced-${now.toISOString().replaceAll(":", "-")}`);
  if (replaces) for (const path of [KEYS, ACCOUNTS]) await move(join(home, path), join(aside, path));
  for (const path of Object.keys(staged))
    if (replaces || present[path] === undefined) await move(join(folder, path), join(home, path));
  await rm(folder, { recursive: true, force: true });
  return replaces ? aside : undefined;
}

async function move(from: string, to: string): Promise<void> {
  if (!existsSync(from)) return;
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  await rename(from, to);
}
