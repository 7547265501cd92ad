import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { parseDuration } from "./duration.ts";
import { describeFailure, Failure, misuse } from "./failure.ts";
import { findHome } from "./home.ts";
import { choiceOf, kindsOf, namesOf } from "./mesh/document-names.ts";
import { readRunFile, removeRunFile, writeRunFile } from "./run-file.ts";

const folder = mkdtempSync(join(tmpdir(), "malla-cli-"));
after(() => rmSync(folder, { recursive: true }));

test("times are read in their units, and a wrong one names its flag", () => {
  const cases: readonly [string, number][] = [
    ["20s", 20_000],
    ["2m", 120_000],
    ["500ms", 500],
    ["1.5s", 1_500],
    ["3", 3_000],
    ["24h", 86_400_000],
    ["7d", 604_800_000],
  ];
  for (const [text, ms] of cases) assert.equal(parseDuration("--for", text), ms, text);
  for (const wrong of ["", "0s", "-1s", "s", "10 s", "1w", "1e3"]) {
    assert.throws(() => parseDuration("--for", wrong), { exitCode: 2, message: /^--for .*: a time as 20s/ }, wrong);
  }
});

test("the home is found upwards, MALLA_HOME goes first, and a new one would be made here", () => {
  const deep = join(folder, "a/b/c");
  mkdirSync(deep, { recursive: true });
  mkdirSync(join(folder, "a/.malla"));
  assert.equal(findHome(deep, {}), join(folder, "a/.malla"));
  assert.equal(findHome(deep, { MALLA_HOME: "elsewhere" }), join(deep, "elsewhere"));
  assert.equal(findHome(deep, { MALLA_HOME: "" }), join(folder, "a/.malla"));
  assert.equal(findHome("/", {}), "/.malla");
});

test("documents are named in every way people do", () => {
  assert.deepEqual(namesOf("route", ["a", "b"]), ["Route/a", "Route/b"]);
  assert.deepEqual(namesOf("routes/a", ["ServicePolicy/b"]), ["Route/a", "ServicePolicy/b"]);
  for (const words of [["route", "a"], ["Route/a"], ["routes/a"]] as const)
    assert.deepEqual(choiceOf(words[0], words[1]), { kinds: ["Route"], name: "a" }, words.join(" "));
  assert.deepEqual(choiceOf("routes", undefined), { kinds: ["Route"], name: undefined });
  assert.throws(() => choiceOf("route/a", "b"), { exitCode: 2, message: /one name is expected/ });
  assert.throws(() => choiceOf("all/a", undefined), { exitCode: 2, message: /stands for several kinds/ });
  assert.deepEqual(kindsOf("policies").toSorted(), ["AccessPolicy", "ServicePolicy"]);
  for (const [kind, names, message] of [
    [undefined, [], /a kind and a name are expected/],
    ["route", [], /the name of a document is expected/],
    ["all", ["a"], /stands for several kinds/],
    ["route/", [], /kind\/name is expected/],
    ["rout", ["a"], /there is no kind rout; did you mean route/],
  ] as const) {
    assert.throws(() => namesOf(kind, [...names]), { exitCode: 2, message });
  }
});

test("a failure is told without its stack and without escapes, with its exit code", () => {
  assert.deepEqual(describeFailure(new Failure("no \u001b[31mbroker\nnext line"), false), {
    text: "no broker\nnext line",
    exitCode: 1,
  });
  assert.deepEqual(describeFailure(misuse("wrong"), false), { text: "wrong", exitCode: 2 });
  assert.deepEqual(describeFailure(new Error("odd"), false), { text: "odd", exitCode: 1 });
  assert.deepEqual(describeFailure("text", false), { text: "text", exitCode: 1 });
  assert.match(describeFailure(new Error("odd"), true).text, /odd\n\s+at /);
});

test("what the system says of a file comes with what to do about it", () => {
  const failed = (code: string, path: string | undefined) =>
    describeFailure(Object.assign(new Error(`${code}: as the system says`), { code, path }), false).text;
  const cases: readonly [string, string | undefined, string][] = [
    ["EACCES", "/ro/.malla", "\n  see who may write there; MALLA_HOME puts .malla elsewhere"],
    [
      "EROFS",
      "/h/.cache/malla/nats-server",
      "\n  nothing can be written there; XDG_CACHE_HOME puts downloads elsewhere",
    ],
    ["ENOTDIR", "/etc/passwd/keys", "\n  a file stands where a folder is expected"],
    ["ENOSPC", "/out/a.ts", "\n  the disk is full: make room"],
    ["ENOENT", "/out/a.ts", ""],
    ["EACCES", undefined, ""],
  ];
  for (const [code, path, advice] of cases) assert.equal(failed(code, path), `${code}: as the system says${advice}`);
});

test("the run file is read back while its writer lives, and is nothing otherwise", async () => {
  const home = join(folder, "home");
  assert.equal(readRunFile(home), undefined);
  const content = { pid: process.pid, natsUrl: "nats://127.0.0.1:1", brokers: [], routers: [], processes: [] };
  await writeRunFile(home, content);
  assert.deepEqual(readRunFile(home), content);
  // The largest id there can be is nobody's.
  await writeRunFile(home, { ...content, pid: 2 ** 22 + 1 });
  assert.equal(readRunFile(home), undefined);
  writeFileSync(join(home, "run.json"), "{ half");
  assert.equal(readRunFile(home), undefined);
  removeRunFile(home);
  removeRunFile(home);
});
