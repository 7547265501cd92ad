// One home each: packages of npm, the environment, the end of the process, the console, time and chance.
import { test } from "node:test";
import { assertNone } from "./assert-none.ts";
import { CONSOLE_HOMES, ENVIRONMENT_HOMES, EXIT_HOMES, type Home, LAZY_HOMES, PACKAGE_HOMES } from "./homes.ts";
import { isAtHome } from "./matches-home.ts";
import { maskText } from "./source-text.ts";
import {
  externalName,
  isTest,
  packageOf,
  readTracked,
  resolveImport,
  SOURCES,
  type SourceFile,
  TRACKED,
} from "./source-tree.ts";

const product = SOURCES.filter(({ path }) => !isTest(path));

/** Places in the code, comments and strings left out, where a pattern stands. */
function findUses(files: readonly SourceFile[], pattern: RegExp): readonly string[] {
  return files.flatMap(({ path, text }) =>
    maskText(text)
      .split("\n")
      .flatMap((line, index) =>
        pattern.test(line) ? [`${path}:${index + 1} ${text.split("\n")[index]?.trim()}`] : [],
      ),
  );
}

function abroad(homes: readonly Home[]): readonly SourceFile[] {
  return product.filter(({ path }) => !isAtHome(path, homes));
}

for (const [name, homes] of Object.entries(PACKAGE_HOMES)) {
  const isMeant = (found: string | undefined): boolean =>
    found !== undefined && (name.endsWith("/*") ? found.startsWith(name.slice(0, -1)) : found === name);
  test(`${name} is imported only where it is at home`, () => {
    const wrong = abroad(homes).flatMap(({ path, imports }) =>
      imports.filter(({ specifier }) => isMeant(externalName(specifier))).map(({ line }) => `${path}:${line}`),
    );
    assertNone(`${name} belongs to ${homes.flatMap(({ files }) => files).join(", ")}`, wrong);
  });
}

test("every home is lived in", () => {
  const all = [...Object.values(PACKAGE_HOMES).flat(), ...ENVIRONMENT_HOMES, ...EXIT_HOMES, ...CONSOLE_HOMES];
  const empty = all
    .flatMap(({ files }) => files)
    .filter((glob) => !TRACKED.some((path) => isAtHome(path, [{ files: [glob], why: "" }])));
  assertNone("homes.ts names what is not there", empty);
});

test("the environment is read where a program is configured", () => {
  assertNone("hand it in", findUses(abroad(ENVIRONMENT_HOMES), /\bprocess\s*\.\s*env\b/));
});

test("only a program ends its process", () => {
  const pattern = /\bprocess\s*\.\s*(exit|abort|kill\(process\.pid)\b/;
  assertNone("return or throw", findUses(abroad(EXIT_HOMES), pattern));
});

test("nothing writes to the console", () => {
  assertNone("use the log, or process.stdout in the command", findUses(abroad(CONSOLE_HOMES), /\bconsole\s*\./));
});

test("the engine knows no clock, no chance, no promise and no system", () => {
  const engine = product.filter(({ path }) => path.startsWith("sdk/src/engine/"));
  const pattern =
    /\bnew Date\s*\(\s*\)|\bDate\s*\.\s*now\b|\bDate\(\)|\bperformance\s*\.|\bMath\s*\.\s*random\b|\bcrypto\s*\.|\b(setTimeout|setInterval|setImmediate|queueMicrotask|structuredClone)\s*\(|\bprocess\s*\.|\bPromise\b|\basync\b|\bawait\b|\bBuffer\b/;
  const modules = engine.flatMap(({ path, imports }) =>
    imports
      .filter(({ specifier }) => specifier.startsWith("node:"))
      .map(({ line, specifier }) => `${path}:${line} ${specifier}`),
  );
  assertNone("time and chance are arguments", [...findUses(engine, pattern), ...modules]);
});

test("no default export, no enum, no namespace, no parameter property", () => {
  const pattern =
    /^\s*export\s+default\b|^\s*(export\s+)?(declare\s+)?(const\s+)?enum\s+\w+\s*\{|^\s*(export\s+)?(declare\s+)?namespace\s+\w+\s*\{|\bconstructor\s*\(.*\b(private|public|protected|readonly)\s+\w+\s*[:,)]/;
  assertNone("these do not belong here", findUses(SOURCES, pattern));
});

test("everything a package imports is a dependency of its own", () => {
  const wrong = product.flatMap(({ path, imports }) => {
    const folder = packageOf(path);
    if (folder === undefined) return [];
    const declared = declaredBy(folder);
    return imports
      .map(({ specifier, line }) => ({ line, name: externalName(specifier) ?? ownName(specifier) }))
      .filter(({ name }) => name !== undefined && !declared.has(name) && !isAtHome(path, LAZY_HOMES[name] ?? []))
      .map(({ line, name }) => `${path}:${line} ${name} is not in ${folder}/package.json`);
  });
  assertNone("dependencies", wrong);
});

test("the SDK's main entry reaches no schema and no exporter", () => {
  const heavy = new Set([
    "zod",
    "yaml",
    "prom-client",
    "pino",
    "@opentelemetry/sdk-trace-base",
    "@opentelemetry/resources",
  ]);
  const isHeavy = (name: string | undefined): boolean =>
    name !== undefined && (heavy.has(name) || /exporter/.test(name));
  assertNone("loaded by @malla/sdk", waysTo(false, isHeavy));
});

test("the SDK's main entry never loads the schema, not even when asked for something", () => {
  assertNone(
    "reached from @malla/sdk",
    waysTo(true, (name) => name === "zod" || name === "yaml"),
  );
});

/** From sdk/src/index.ts: the ways by which a package is loaded, each as a chain of files. */
function waysTo(lazyToo: boolean, isMeant: (name: string | undefined) => boolean): readonly string[] {
  const files = new Map(SOURCES.map((file) => [file.path, file]));
  const seen = new Map<string, string>([["sdk/src/index.ts", ""]]);
  const found: string[] = [];
  for (const [path] of seen) {
    for (const { specifier, typeOnly, lazy } of files.get(path)?.imports ?? []) {
      if (typeOnly || (lazy && !lazyToo)) continue;
      const chain = `${seen.get(path)}${path} -> `;
      if (isMeant(externalName(specifier))) found.push(`${chain}${specifier}`);
      const next = resolveImport(path, specifier);
      if (next !== undefined && !seen.has(next)) seen.set(next, chain);
    }
  }
  return found;
}

function ownName(specifier: string): string | undefined {
  return specifier.startsWith("@malla/") ? specifier.split("/").slice(0, 2).join("/") : undefined;
}

function declaredBy(folder: string): ReadonlySet<string> {
  const manifest = JSON.parse(readTracked(`${folder}/package.json`)) as {
    name?: string;
    dependencies?: Record<string, string>;
    peerDependencies?: Record<string, string>;
  };
  return new Set([
    manifest.name ?? "",
    ...Object.keys(manifest.dependencies ?? {}),
    ...Object.keys(manifest.peerDependencies ?? {}),
  ]);
}
