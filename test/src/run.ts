// `npm test`: every section in order, each with its own bound, and one summary as the last line. `npm test -- unit integration`
// runs only these; `--only TEXT` only files whose path holds it; `--repeat N` the chosen ones N times.
import { type ChildProcess, spawn } from "node:child_process";
import { globSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
/** Every process of a run carries this in its environment, so that what a test leaves behind is found. */
const RUN_MARK = "MALLA_TEST_RUN";

interface Section {
  readonly name: string;
  readonly why: string;
  /** Bound for the whole section, in ms. */
  readonly boundMs: number;
  /** Test files, or commands that pass or fail as one. */
  readonly files?: readonly string[];
  readonly commands?: readonly (readonly string[])[];
  /** Test files run at a time. */
  readonly concurrency?: number;
}

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const UNIT = [
  "sdk/src/**/*.test.ts",
  "broker-config/src/**/*.test.ts",
  "router/src/**/*.test.ts",
  "services/*/src/**/*.test.ts",
  "services/platform/*/src/**/*.test.ts",
];

const SECTIONS: readonly Section[] = [
  {
    name: "check",
    why: "lint and format",
    boundMs: 120_000,
    commands: [
      ["node_modules/.bin/oxlint", "--quiet"],
      ["node_modules/.bin/biome", "check", "--diagnostic-level=error", "."],
    ],
  },
  {
    name: "architecture",
    why: "levels, imports, homes",
    boundMs: 60_000,
    files: ["test/src/architecture/**/*.test.ts"],
    concurrency: 2,
  },
  { name: "unit", why: "each package from source", boundMs: 300_000, files: UNIT, concurrency: 2 },
  {
    name: "integration",
    why: "real broker, routers, services",
    boundMs: 600_000,
    files: ["test/src/integration/**/*.test.ts"],
    concurrency: 1,
  },
  {
    name: "conformance",
    why: "clients and tools that are not ours",
    boundMs: 600_000,
    files: ["test/src/conformance/**/*.test.ts"],
    concurrency: 1,
  },
  {
    name: "packages",
    why: "what would be published",
    boundMs: 180_000,
    files: ["test/src/packages/**/*.test.ts"],
    concurrency: 1,
  },
  {
    name: "e2e",
    why: "commands as a user runs them",
    boundMs: 600_000,
    files: ["test/src/e2e/**/*.test.ts"],
    concurrency: 1,
  },
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: "string" }, repeat: { type: "string", default: "1" } },
});

const unknown = positionals.filter((name) => !SECTIONS.some((section) => section.name === name));
if (unknown.length > 0) {
  process.stderr.write(
    `there is no section ${unknown.join(", ")}; there are ${SECTIONS.map(({ name }) => name).join(", ")}\n`,
  );
  process.exit(2);
}

const total: Counts = { passed: 0, failed: 0, skipped: 0 };
const failures: string[] = [];
for (let round = 1; round <= Number(values.repeat); round++) {
  for (const section of SECTIONS) {
    if (positionals.length > 0 && !positionals.includes(section.name)) continue;
    await runSection(section);
  }
}
if (failures.length > 0) process.stdout.write(`\nfailed: ${failures.join(", ")}\n`);
if (total.passed === 0) total.failed++;
process.stdout.write(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
process.exit(total.failed === 0 ? 0 : 1);

async function runSection(section: Section): Promise<void> {
  const files = (section.files ?? [])
    .flatMap((pattern) => globSync(pattern, { cwd: ROOT }))
    .filter((file) => values.only === undefined || file.includes(values.only));
  if (section.commands === undefined && files.length === 0) return;
  process.stdout.write(`\n=== ${section.name}: ${section.why}\n`);
  const startedAt = Date.now();
  const mark = `${process.pid}-${section.name}-${startedAt}`;
  for (const command of section.commands ?? []) await runCommand(section, command, mark);
  if (files.length > 0) await runFiles(section, files, mark);
  endLeftovers(section, mark);
  process.stdout.write(`--- ${section.name}: ${((Date.now() - startedAt) / 1000).toFixed(0)} s\n`);
}

async function runCommand(section: Section, command: readonly string[], mark: string): Promise<void> {
  const [program, ...args] = command as [string, ...string[]];
  const { code } = await runBounded(
    spawn(join(ROOT, program), args, {
      cwd: ROOT,
      stdio: "inherit",
      detached: true,
      env: { ...process.env, [RUN_MARK]: mark },
    }),
    section,
  );
  if (code === 0) total.passed++;
  else {
    total.failed++;
    failures.push(command.join(" "));
  }
}

async function runFiles(section: Section, files: readonly string[], mark: string): Promise<void> {
  const args = [
    "--conditions=@malla/source",
    "--test",
    "--test-reporter=spec",
    `--test-concurrency=${section.concurrency ?? 1}`,
    ...files,
  ];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
    env: { ...process.env, [RUN_MARK]: mark },
  });
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    process.stdout.write(chunk);
  });
  const { code, overrun } = await runBounded(child, section);
  const count = (word: string): number => Number(new RegExp(`^ℹ ${word} (\\d+)`, "m").exec(output)?.[1] ?? 0);
  const failed = count("fail") + count("cancelled");
  total.passed += count("pass");
  total.skipped += count("skipped") + count("todo");
  // A run that ended without its own summary, or badly without a failed test, has failed all the same.
  total.failed += failed === 0 && (code !== 0 || overrun) ? 1 : failed;
  if (failed > 0 || code !== 0) failures.push(section.name);
}

async function runBounded(
  child: ChildProcess,
  { name, boundMs }: Section,
): Promise<{ code: number | null; overrun: boolean }> {
  let overrun = false;
  const bound = setTimeout(() => {
    overrun = true;
    process.stdout.write(`${name} took longer than ${boundMs / 1000} s and was ended\n`);
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  }, boundMs);
  const code = await new Promise<number | null>((resolve) => {
    child.once("exit", resolve);
    child.once("error", () => resolve(1));
  });
  clearTimeout(bound);
  return { code, overrun };
}

/** A process that outlives its section is a failure; it is ended by its id. Found where the system shows environments. */
function endLeftovers({ name }: Section, mark: string): void {
  if (process.platform !== "linux") return;
  const left = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry) && carriesMark(entry, mark));
  for (const pid of left) {
    process.stdout.write(
      `${name} left process ${pid} behind: ${readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")}\n`,
    );
    process.kill(Number(pid), "SIGKILL");
  }
  if (left.length === 0) return;
  total.failed++;
  failures.push(`${name} left processes behind`);
}

function carriesMark(pid: string, mark: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(`${RUN_MARK}=${mark}`);
  } catch {
    return false;
  }
}
