// The files of the checkout, and the graph of what imports what.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { type Import, readImports } from "./imports.ts";

export const ROOT = join(import.meta.dirname, "../../..");

export interface SourceFile {
  /** From the root, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

interface PackageManifest {
  readonly name: string;
  readonly private?: boolean;
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
}

/** Everything git keeps or would keep: what it ignores is not ours. */
export const TRACKED: readonly string[] = listFiles();

/** TypeScript of every package. */
export const SOURCES: readonly SourceFile[] = TRACKED.filter((path) => path.endsWith(".ts")).map((path) => {
  const text = readTracked(path);
  return { path, text, imports: readImports(text) };
});

export const PACKAGES: ReadonlyMap<string, { readonly folder: string; readonly manifest: PackageManifest }> = new Map(
  // What the benchmark alone installs of others is a list of packages, and no package of ours.
  TRACKED.filter((path) => path.endsWith("/package.json") && !path.startsWith("test/bench/")).map((path) => {
    const manifest = JSON.parse(readTracked(path)) as PackageManifest;
    return [manifest.name, { folder: posix.dirname(path), manifest }];
  }),
);

export function readTracked(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** What only tests load: it may do what the product may not. */
export function isTest(path: string): boolean {
  return /^(test|(sdk|router)\/src\/testing)\//.test(path) || /\.(test|fixture|contract)\.ts$/.test(path);
}

/** The package a file belongs to, by its folder. */
export function packageOf(path: string): string | undefined {
  return [...PACKAGES.values()].find(({ folder }) => path.startsWith(`${folder}/`))?.folder;
}

/** The file of ours that a specifier means; nothing for a module of Node or of npm. */
export function resolveImport(from: string, specifier: string): string | undefined {
  if (specifier.startsWith(".")) return posix.join(posix.dirname(from), specifier);
  const [scope, name, ...rest] = specifier.split("/");
  const found = PACKAGES.get(`${scope}/${name}`);
  if (found === undefined) return undefined;
  const entry = found.manifest.exports?.[[".", ...rest].join("/")];
  const target = typeof entry === "string" ? entry : entry?.["@malla/source"];
  if (target === undefined)
    throw new Error(`${from} imports ${specifier}, which ${found.folder}/package.json does not export`);
  return posix.join(found.folder, target);
}

/** The name of a package of npm that a specifier means; nothing for a file of ours or a module of Node. */
export function externalName(specifier: string): string | undefined {
  if (/^(\.|node:)/.test(specifier)) return undefined;
  const parts = specifier.split("/");
  const name = parts.slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
  return PACKAGES.has(name) ? undefined : name;
}

function listFiles(): readonly string[] {
  const { status, stdout, stderr } = spawnSync(
    "git",
    ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    {
      cwd: ROOT,
      encoding: "utf8",
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  if (status !== 0) throw new Error(`these rules are about what git keeps: git ls-files failed: ${stderr}`);
  return stdout.split("\0").filter((path) => path !== "" && existsSync(join(ROOT, path)));
}
