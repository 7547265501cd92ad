// A folder whose files change all at once, as the kubelet writes volumes: each file is a link into `..data`, which is a link
// to the folder of a version and is replaced by a rename.
import { chmod, chown, mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { VolumeFiles } from "./volume-content.ts";

const DATA = "..data";
const READ_BY_GROUP = 0o440;

/** `group`: owns the files and may read them; default: only what their modes say. */
export async function writeAtomically(folder: string, files: VolumeFiles, group?: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  const version = await mkdtemp(join(folder, "..v"));
  await chmod(version, 0o755);
  for (const [path, { content, mode }] of files) {
    const file = join(version, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
    await chmod(file, group === undefined ? mode : mode | READ_BY_GROUP);
    if (group !== undefined) await chown(file, 0, group);
  }
  const link = join(folder, "..data_new");
  await symlink(basename(version), link);
  await rename(link, join(folder, DATA));
  await linkTops(folder, new Set([...files.keys()].map((path) => path.split("/")[0] as string)));
  for (const name of await readdir(folder)) {
    if (name.startsWith("..v") && name !== basename(version)) await rm(join(folder, name), { recursive: true });
  }
}

async function linkTops(folder: string, wanted: ReadonlySet<string>): Promise<void> {
  const present = new Set((await readdir(folder)).filter((name) => !name.startsWith("..")));
  for (const name of present) if (!wanted.has(name)) await rm(join(folder, name));
  for (const name of wanted) if (!present.has(name)) await symlink(join(DATA, name), join(folder, name));
}
