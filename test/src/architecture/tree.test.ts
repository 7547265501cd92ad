// The tree itself: what stands at the top, how files are called, how long they are, what may not be in them.

import { basename } from "node:path";
import { test } from "node:test";
import { assertNone } from "./assert-none.ts";
import { isTest, readTracked, SOURCES, TRACKED } from "./source-tree.ts";

const TOP = [
  "LICENSE",
  "README.md",
  "SECURITY.md",
  "biome.json",
  "broker-config",
  "package-lock.json",
  "package.json",
  "router",
  "sdk",
  "services",
  "test",
  "tsconfig.json",
];
const MAX_LINES = 400;
/** A table of cases has no shape that a limit could help. */
const MAX_TEST_LINES = 800;
const EMPTY_NAMES = /^(utils?|helpers?|common|types|manager|misc|shared|lib|index2)(\.|$)/;

test("nothing stands at the top that is not on the card", () => {
  const found = new Set(TRACKED.map((path) => path.split("/")[0] as string).filter((name) => !name.startsWith(".")));
  assertNone(
    "no other visible name at the top",
    [...found].filter((name) => !TOP.includes(name)),
  );
  assertNone(
    "missing at the top",
    TOP.filter((name) => !found.has(name)),
  );
});

test("a file is called after what it exports, in lower case with hyphens", () => {
  const wrong = SOURCES.map(({ path }) => path).filter(
    (path) =>
      EMPTY_NAMES.test(basename(path)) ||
      !/^[a-z0-9]+(-[a-z0-9]+)*(\.(test|contract|fixture))*\.ts$/.test(basename(path)),
  );
  const folders = TRACKED.filter((path) =>
    path
      .split("/")
      .slice(0, -1)
      .some((name) => EMPTY_NAMES.test(name)),
  );
  assertNone("names that say nothing", [...wrong, ...folders]);
});

test(`no file is longer than ${MAX_LINES} lines, no test longer than ${MAX_TEST_LINES}`, () => {
  const long = SOURCES.map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 })).filter(
    ({ path, lines }) => lines > (isTest(path) ? MAX_TEST_LINES : MAX_LINES),
  );
  assertNone(
    "take one idea out into a file of its own",
    long.map(({ path, lines }) => `${path}: ${lines} lines`),
  );
});

test("no file knows the machine it was written on", () => {
  const pattern = /(?<![\w.])\/(?:home|Users|work|root|tmp)\/[A-Za-z0-9_.-]+\/[A-Za-z0-9_./-]*|\b[A-Z]:\\\\?Users\b/;
  const wrong = textFiles().flatMap(({ path, lines }) =>
    lines.flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1} ${line.trim().slice(0, 120)}`] : [])),
  );
  assertNone("paths of one machine", wrong);
});

test("no file is bound to one registry", () => {
  const lock = JSON.parse(readTracked("package-lock.json")) as {
    packages: Record<string, { resolved?: string; link?: boolean }>;
  };
  const resolved = Object.entries(lock.packages).filter(
    ([, { resolved, link }]) => resolved !== undefined && link !== true,
  );
  assertNone(
    "package-lock.json: install with omit-lockfile-registry-resolved",
    resolved.map(([name]) => name),
  );
  const hosts = textFiles().flatMap(({ path, lines }) =>
    lines.flatMap((line, index) =>
      /\b(registry|proxy|mirror|artifactory|nexus)\.[a-z0-9-]+\.[a-z]{2,}\b/.test(line) ? [`${path}:${index + 1}`] : [],
    ),
  );
  assertNone("hosts of registries", hosts);
});

test("a promise to come has an issue, or is kept", () => {
  const wrong = SOURCES.filter(({ path }) => !path.startsWith("test/src/architecture/")).flatMap(({ path, text }) =>
    text
      .split("\n")
      .flatMap((line, index) =>
        /\b(TODO|FIXME|XXX|HACK)\b/.test(line) ? [`${path}:${index + 1} ${line.trim()}`] : [],
      ),
  );
  assertNone("to do", wrong);
});

test("a page that claims to be tested equal to code is read by a test", () => {
  const claims = TRACKED.filter((path) => path.endsWith(".md")).flatMap((path) =>
    [...readTracked(path).matchAll(/`([\w/.-]+\.md)` is tested equal/g)].map(([, page]) => ({
      path,
      page: page as string,
    })),
  );
  const tests = SOURCES.filter(({ path }) => path.endsWith(".test.ts") && !path.startsWith("test/src/architecture/"));
  const wrong = claims.filter(
    ({ page }) => !TRACKED.includes(page) || !tests.some(({ text }) => text.includes(basename(page))),
  );
  assertNone(
    "claimed and not tested",
    wrong.map(({ path, page }) => `${path}: ${page}`),
  );
});

function textFiles(): readonly { readonly path: string; readonly lines: readonly string[] }[] {
  return TRACKED.filter((path) => path !== "package-lock.json" && !path.startsWith("test/src/architecture/")).map(
    (path) => ({
      path,
      lines: readTracked(path).split("\n"),
    }),
  );
}
