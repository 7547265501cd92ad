import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { writeAtomically } from "./atomic-folder.ts";
import type { VolumeFiles } from "./volume-content.ts";

function files(contents: Readonly<Record<string, string>>): VolumeFiles {
  return new Map(Object.entries(contents).map(([path, text]) => [path, { content: Buffer.from(text), mode: 0o640 }]));
}

test("files come, change and go together", async () => {
  const folder = await mkdtemp(join(tmpdir(), "malla-folder-"));
  try {
    await writeAtomically(folder, files({ a: "1", "deep/b": "2" }));
    assert.equal(await readFile(join(folder, "deep/b"), "utf8"), "2");
    assert.equal((await stat(join(folder, "a"))).mode & 0o777, 0o640);
    await writeAtomically(folder, files({ a: "3", c: "4" }));
    assert.equal(await readFile(join(folder, "a"), "utf8"), "3");
    const names = (await readdir(folder)).sort();
    assert.deepEqual([names[0], names.length, names.slice(-2)], ["..data", 4, ["a", "c"]], "one version is kept");
  } finally {
    await rm(folder, { recursive: true });
  }
});
