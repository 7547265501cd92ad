// The runner on files that pass, fail, crash, hang and leave processes behind.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { testEnvironment } from "./process-group.ts";
import { Results } from "./results.ts";
import { runSection } from "./run-section.ts";
import type { Section } from "./sections.ts";

const HEAD = `import { describe, test, before } from "node:test"; import assert from "node:assert/strict";
import { spawn } from "node:child_process"; import { writeFileSync } from "node:fs";\n`;
const SLEEP_S = 600;

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), "malla-runner-"));
  await mkdir(join(root, "node_modules/.bin"), { recursive: true });
});
after(async () => {
  await rm(root, { recursive: true, force: true });
});

async function run(
  source: string,
  section: Partial<Section> = {},
  signal = new AbortController().signal,
): Promise<{ results: Results; printed: string }> {
  await writeFile(join(root, "a.test.ts"), HEAD + source);
  const results = new Results();
  let printed = "";
  const print = (text: string): void => {
    printed += text;
  };
  const whole: Section = { name: "s", proves: "p", boundMs: 20_000, files: ["*.test.ts"], alone: true, ...section };
  await runSection(whole, { root, results, print, signal });
  return { results, printed };
}

/** One that has ended and that nobody asks for its exit code does not run any more. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== "linux" || !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** A signal is sent in an instant and obeyed a little later: resolves to whether it was, within two seconds. */
async function hasEnded(pid: number): Promise<boolean> {
  for (let i = 0; i < 100 && isRunning(pid); i++) await new Promise((resolve) => setTimeout(resolve, 20));
  return !isRunning(pid);
}

test("counts tests, not groups", async () => {
  const { results, printed } = await run(
    `describe("g", () => { test("a", () => {}); test("b", { skip: true }, () => {}); });`,
  );
  assert.deepEqual([results.passed, results.failures.length, results.skipped], [1, 0, 1]);
  assert.ok(results.succeeded);
  assert.match(printed, /✔ a\.test\.ts \(1 passed, 1 skipped, /);
  assert.match(results.print(), /\n1 passed, 0 failed, 1 skipped\n$/);
});

test("says once why tests were left out, a whole group counting as one", async () => {
  const { results } = await run(
    `describe("g", { skip: "no cluster" }, () => { before(() => { throw new Error("no"); }); test("a", () => {}); test("b", () => {}); });
     test("c", { skip: "no cluster" }, () => {}); test("d", { skip: true }, () => {}); test("e", () => {});`,
  );
  assert.equal(results.failures.length, 0);
  const want = "\n=== left out\n\n   2: no cluster\n   1: no reason given\n\n1 passed, 0 failed, 3 skipped\n";
  assert.ok(results.print().endsWith(want), results.print());
});

test("says which test failed, how, and what its file had written", async () => {
  const { results } = await run(
    `describe("g", () => { test("a", () => { console.log("hint"); assert.equal(1, 2); }); });`,
  );
  assert.equal(results.failures.length, 1);
  assert.equal(results.failures[0]?.what, "s: a.test.ts: g > a");
  assert.match(results.failures[0]?.details ?? "", /1 !== 2[\s\S]*hint/);
  assert.ok(!results.succeeded);
});

test("a hook that fails fails the run", async () => {
  const { results } = await run(
    `describe("g", () => { before(() => { throw new Error("no"); }); test("a", () => {}); });`,
  );
  assert.ok(results.failures.some(({ details }) => details.includes("no")));
});

const broken: readonly (readonly [string, string, RegExp])[] = [
  ["a file that does not load", `import "./missing.ts";`, /missing\.ts/],
  ["a file without a test", ``, /no test in this file/],
  ["a file that ends its process", `test("a", () => { process.exit(3); });`, /./],
  ["an error after the tests", `test("a", () => {}); setTimeout(() => { throw new Error("late"); }, 50);`, /late/],
];

for (const [name, source, says] of broken) {
  test(`${name} fails the run`, async () => {
    const { results } = await run(source);
    assert.ok(results.failures.length > 0);
    assert.match(results.failures.map(({ details }) => details).join("\n"), says);
  });
}

test("a test that hangs fails by name when its file's time is up", async () => {
  const { results } = await run(`test("a", async () => { await new Promise((r) => setTimeout(r, ${SLEEP_S}000)); });`, {
    fileBoundMs: 1_000,
  });
  assert.ok(results.failures.length > 0);
  assert.match(results.failures[0]?.details ?? "", /timed out|timeout/i);
});

test("a file that lives on after its tests fails by name, and the others go on", async () => {
  await writeFile(join(root, "b.test.ts"), `${HEAD}test("b", () => {});`);
  const { results, printed } = await run(`test("a", () => { setInterval(() => {}, 1_000); });`, {
    fileBoundMs: 1_000,
    alone: false,
  });
  await rm(join(root, "b.test.ts"));
  assert.deepEqual([results.passed, results.failures.length], [2, 1]);
  assert.equal(results.failures[0]?.what, "s: a.test.ts");
  assert.match(results.failures[0]?.details ?? "", /longer than 1\.0 s/);
  assert.match(printed, /✔ b\.test\.ts/);
});

test("a section that takes too long is ended with all its processes", async () => {
  const pidFile = join(root, "pid");
  const hang = `#!/bin/sh\nsleep ${SLEEP_S} &\necho $! > "$1"\nwait\n`;
  await writeFile(join(root, "node_modules/.bin/hang"), hang, { mode: 0o755 });
  const { results } = await run("", { files: [], commands: [["hang", pidFile]], boundMs: 2_000 });
  assert.match(results.failures.map(({ details }) => details).join("\n"), /longer than 2\.0 s/);
  const pid = Number(await readFile(pidFile, "utf8"));
  assert.ok(pid > 0 && (await hasEnded(pid)), `process ${pid} was ended`);
});

for (const [name, options] of [
  ["in its session", `{ stdio: "ignore", env: {} }`],
  ["in a session of its own", `{ stdio: "ignore", detached: true }`],
] as const) {
  test(`a process left behind ${name} fails the run and is ended`, { skip: process.platform !== "linux" }, async () => {
    const pidFile = join(root, "pid");
    const source = `test("a", () => {
      const child = spawn("/bin/sleep", ["${SLEEP_S}"], ${options});
      child.unref();
      writeFileSync(${JSON.stringify(pidFile)}, String(child.pid));
    });`;
    const { results } = await run(source);
    assert.equal(results.passed, 1);
    assert.equal(results.failures.length, 1);
    assert.match(results.failures[0]?.details ?? "", /process \d+: \/bin\/sleep/);
    assert.ok(await hasEnded(Number(await readFile(pidFile, "utf8"))));
  });
}

test("a run that is stopped ends what runs and starts nothing more", async () => {
  const startedAtMs = Date.now();
  await writeFile(join(root, "b.test.ts"), `${HEAD}test("b", () => {});`);
  const source = `test("a", async () => { await new Promise((r) => setTimeout(r, ${SLEEP_S}000)); });`;
  const { results, printed } = await run(source, {}, AbortSignal.timeout(1_000));
  await rm(join(root, "b.test.ts"));
  assert.ok(Date.now() - startedAtMs < 15_000);
  assert.equal(results.passed, 0);
  assert.doesNotMatch(printed, /b\.test\.ts/);
});

test("a command fails by its exit code and shows what it wrote", async () => {
  await writeFile(join(root, "node_modules/.bin/tool"), "#!/bin/sh\necho said $1\nexit $2\n", { mode: 0o755 });
  const { results } = await run("", {
    files: [],
    commands: [
      ["tool", "yes", "0"],
      ["tool", "no", "1"],
    ],
  });
  assert.equal(results.passed, 1);
  assert.deepEqual(results.failures, [{ what: "s: tool no 1", details: "said no" }]);
});

test("a section that finds no file fails", async () => {
  const { results } = await run("", { files: ["*.nothing.ts"] });
  assert.equal(results.failures.length, 1);
});

test("a run of nothing fails", () => {
  const results = new Results();
  assert.ok(!results.succeeded);
  assert.match(results.print(), /0 passed, 1 failed, 0 skipped\n$/);
});

test("tests do not see the settings of the shell they were started from", () => {
  const env = {
    PATH: "p",
    HOME: "h",
    MALLA_HOME: "x",
    NATS_URL: "x",
    OTEL_SDK_DISABLED: "x",
    MALLA_NATS_SERVER: "kept",
  };
  assert.deepEqual(testEnvironment(env), { PATH: "p", HOME: "h", MALLA_NATS_SERVER: "kept" });
});
