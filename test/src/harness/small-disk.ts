// A disk of a few megabytes in memory, which can be filled to the last byte. Needs root, to mount it.
import { spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

const FILLER = "filler";
const CHUNK_BYTES = 64 * 1024;

/** Whether this process may mount one. */
export function canMount(): boolean {
  return process.platform === "linux" && process.getuid?.() === 0;
}

export class SmallDisk {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Throws with what mount said. */
  static mount(path: string, bytes: number): SmallDisk {
    mkdirSync(path, { recursive: true });
    run("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", path]);
    return new SmallDisk(path);
  }

  /** Takes all the room there is. */
  fill(): void {
    const file = openSync(join(this.path, FILLER), "a");
    try {
      for (let bytes = CHUNK_BYTES; bytes >= 1; bytes = bytes / 2) writeUntilFull(file, bytes);
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(join(this.path, FILLER), { force: true });
  }

  unmount(): void {
    run("umount", [this.path]);
  }
}

function writeUntilFull(file: number, bytes: number): void {
  const chunk = Buffer.alloc(bytes);
  try {
    for (;;) writeSync(file, chunk);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
}

function run(program: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${error?.message ?? stderr}`);
}
