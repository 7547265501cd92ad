import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join } from "node:path";
import { test } from "node:test";

const ROOT = join(import.meta.dirname, "../../..");
const PEERS = join(ROOT, "test/bench/peers");

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
}

test("peers are of one version each, and nobody else installs them", () => {
  const { dependencies } = JSON.parse(readFileSync(join(PEERS, "package.json"), "utf8")) as Manifest;
  for (const [name, version] of Object.entries(dependencies)) assert.match(version, /^\d+\.\d+\.\d+$/, name);
  const lock = JSON.parse(readFileSync(join(PEERS, "package-lock.json"), "utf8")) as { packages: { "": Manifest } };
  assert.deepEqual(lock.packages[""].dependencies, dependencies);
  const { workspaces } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { workspaces: string[] };
  assert.ok(workspaces.every((pattern) => !pattern.startsWith("test/")));
});

test("only modules of peers import peers, and what they import is declared", () => {
  const { dependencies } = JSON.parse(readFileSync(join(PEERS, "package.json"), "utf8")) as Manifest;
  const modules = readdirSync(PEERS).filter((file) => file.endsWith(".ts"));
  const imported = modules.flatMap((file) =>
    [...readFileSync(join(PEERS, file), "utf8").matchAll(/^(?:import|export) .*?["']([^."'][^"']*)["'];$/gm)].map(
      ([, name]) => name as string,
    ),
  );
  for (const name of imported) assert.ok(isBuiltin(name) || name in dependencies, name);
  // What another package needs beside itself is declared and not imported.
  assert.ok(new Set(imported).size > modules.length);
});

// Where they are installed, that is where the benchmark has run.
if (existsSync(join(PEERS, "node_modules/.malla-installed"))) {
  test("the modules of peers compile", () => {
    const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
    const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", PEERS], { encoding: "utf8" });
    assert.equal(status, 0, stdout);
  });
}
