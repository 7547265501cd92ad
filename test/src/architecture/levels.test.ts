// Imports point down only: between packages, and between the folders of the SDK.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertNone } from "./assert-none.ts";
import { findCycles } from "./find-cycles.ts";
import { LAZY_HOMES } from "./homes.ts";
import { PAGE, readHouse } from "./house.ts";
import { isAtHome } from "./matches-home.ts";
import { isTest, PACKAGES, packageOf, resolveImport, SOURCES, type SourceFile, TRACKED } from "./source-tree.ts";

const house = readHouse();
const SDK = "sdk/src/";

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly specifier: string;
  readonly line: number;
  readonly lazy: boolean;
}

function edgesOf({ path, imports }: SourceFile): readonly Edge[] {
  return imports.flatMap(({ specifier, line, lazy }) => {
    const to = resolveImport(path, specifier);
    return to === undefined ? [] : [{ from: path, to, specifier, line, lazy }];
  });
}

const edges = SOURCES.flatMap(edgesOf);

function show({ from, line, specifier }: Edge): string {
  return `${from}:${line} imports ${specifier}`;
}

/** The folder of sdk/src, or "." for the files at its top: what an application sees. */
function areaOf(path: string): string {
  const [first, ...rest] = path.slice(SDK.length).split("/");
  return rest.length === 0 ? "." : (first as string);
}

function levelOf(area: string): number {
  return area === "." ? (house.levels.get("index.ts") as number) : (house.levels.get(area) ?? Number.NaN);
}

test(`${PAGE} names every package and every folder of the SDK`, () => {
  const folders = [...PACKAGES.values()].map(({ folder }) => folder).filter((folder) => folder !== "test");
  assert.deepEqual([...house.packages.keys()].sort(), folders.sort());
  const areas = new Set(TRACKED.filter((path) => path.startsWith(SDK)).map(areaOf));
  areas.delete(".");
  // What tests and applications' tests use stands beside the levels.
  areas.delete("testing");
  const named = [...house.levels.keys()].filter((name) => !name.endsWith(".ts"));
  assert.deepEqual(named.sort(), [...areas].sort());
  for (const name of house.levels.keys()) {
    if (name.endsWith(".ts")) assert.ok(TRACKED.includes(`${SDK}${name}`), `${PAGE} names ${name}`);
  }
});

test("a package imports only what the page allows it", () => {
  const wrong = edges.filter(({ from, to, specifier, lazy }) => {
    const own = packageOf(from);
    if (own === undefined || own === "test" || specifier.startsWith(".")) return false;
    if (lazy && isAtHome(from, LAZY_HOMES[specifier] ?? [])) return false;
    const wanted = specifier.replace("@malla/", "");
    const allowed = house.packages.get(own) ?? [];
    if (own === packageOf(to)) return !isTest(from);
    return !allowed.some(
      (name) => wanted === name || (!name.includes("/") && wanted.startsWith(`${name}/`) && own !== "services/shop"),
    );
  });
  assertNone(`${PAGE}, the house`, wrong.map(show));
});

test("a relative import stays in its package and names a file that is there", () => {
  const wrong = edges.filter(
    ({ from, to, specifier }) =>
      specifier.startsWith(".") && (packageOf(from) !== packageOf(to) || !TRACKED.includes(to)),
  );
  // Generated code is imported by tests that generate it first.
  assertNone("import other packages by their name", wrong.map(show));
});

test("a folder of the SDK imports what stands below it, never beside or above", () => {
  const wrong = edges.filter(({ from, to }) => {
    if (!from.startsWith(SDK) || !to.startsWith(SDK) || isTest(from)) return false;
    const [above, below] = [areaOf(from), areaOf(to)];
    if (above === below || house.beside.has(`${above} ${below}`)) return false;
    return !(levelOf(above) > levelOf(below));
  });
  assertNone(`${PAGE}, by level`, wrong.map(show));
});

test("the product does not import what is made for tests", () => {
  const wrong = edges.filter(({ from, to }) => !isTest(from) && isTest(to));
  assertNone("tests and fixtures are imported by tests only", wrong.map(show));
});

test("no file imports itself by any way round, types included", () => {
  const graph = new Map(SOURCES.map((file) => [file.path, edgesOf(file).map(({ to }) => to)]));
  assertNone(
    "cycles",
    findCycles(graph).map((group) => group.join(" -> ")),
  );
});
