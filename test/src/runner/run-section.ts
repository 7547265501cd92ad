// One section: its heading, its commands, its files, its bound.
import { globSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type Ended, runGroup } from "./process-group.ts";
import type { Results } from "./results.ts";
import type { Section } from "./sections.ts";
import type { FailedTest, TestEvent } from "./test-event.ts";

const REPORTER = fileURLToPath(new URL("./reporter.ts", import.meta.url));
/** Of what a file or a command wrote, for its failure. */
const KEPT_OUTPUT_CHARS = 64 * 1024;

export interface SectionOptions {
  readonly root: string;
  /** Only files whose path holds this; commands are left out then. */
  readonly only?: string | undefined;
  readonly results: Results;
  readonly print: (text: string) => void;
  /** Ends what runs, and nothing more is started. */
  readonly signal: AbortSignal;
}

/** Runs all of it, a failure or not, and never longer than the section's bound. */
export async function runSection(section: Section, options: SectionOptions): Promise<void> {
  const files = findFiles(section, options);
  const commands = options.only === undefined ? (section.commands ?? []) : [];
  if (options.only !== undefined && files.length === 0) return;
  options.print(`\n=== ${section.name}: ${section.proves}\n`);
  if (commands.length + files.length === 0)
    options.results.fail(section.name, `no file matches ${section.files?.join(", ")}`);
  const startedAtMs = Date.now();
  const leftMs = (): number => Math.max(1, startedAtMs + section.boundMs - Date.now());
  for (const command of commands) {
    if (!options.signal.aborted) await runCommand(section, command, leftMs(), options);
  }
  const runs = section.alone === true ? files.map((file) => [file]) : files.length > 0 ? [files] : [];
  for (const run of runs) {
    if (!options.signal.aborted) await runFiles(section, run, leftMs(), options);
  }
  options.print(`--- ${section.name}: ${seconds(Date.now() - startedAtMs)}\n`);
}

function findFiles(section: Section, { root, only }: SectionOptions): readonly string[] {
  const found = (section.files ?? []).flatMap((glob) => globSync(glob, { cwd: root, exclude: isNotOurs }));
  return [...new Set(found)].filter((file) => only === undefined || file.includes(only)).sort();
}

function isNotOurs(path: string): boolean {
  return /(^|\/)(node_modules|dist)(\/|$)/.test(path);
}

async function runCommand(
  section: Section,
  command: readonly [string, ...string[]],
  boundMs: number,
  { root, results, print, signal }: SectionOptions,
): Promise<void> {
  const startedAtMs = Date.now();
  const [program, ...args] = command;
  const output = new Tail();
  const ended = await runGroup([join(root, "node_modules/.bin", program), ...args], {
    cwd: root,
    boundMs,
    signal,
    onStdout: (text) => output.add(text),
    onStderr: (text) => output.add(text),
  });
  const name = command.join(" ");
  const ok = ended.code === 0;
  if (ok) results.passed++;
  else results.fail(`${section.name}: ${name}`, ended.overran ? overrun(section) : output.text);
  failOnLeftovers(section, name, ended, results);
  print(`${ok ? "✔" : "✖"} ${name} (${seconds(Date.now() - startedAtMs)})\n`);
}

async function runFiles(
  section: Section,
  files: readonly string[],
  boundMs: number,
  { root, results, print, signal }: SectionOptions,
): Promise<void> {
  const tallies = new Map(files.map((file) => [file, new Tally()]));
  const other = new Tally();
  const lines = new Lines((line) => {
    const event = parseEvent(line);
    if (event === undefined) other.output.add(`${line}\n`);
    else (tallies.get(relative(root, resolve(root, event.file))) ?? other).take(event);
  });
  const startedAtMs = Date.now();
  const before = results.failures.length;
  const ended = await runGroup(testCommand(section, files), {
    cwd: root,
    boundMs,
    signal,
    onStdout: (text) => lines.add(text),
    onStderr: (text) => other.output.add(text),
  });
  lines.end();
  for (const [file, tally] of [...tallies, ["a file that is not known", other] as const]) {
    tally.addTo(results, `${section.name}: ${file}`);
  }
  if (ended.overran) results.fail(`${section.name}: ${unfinished(tallies).join(", ")}`, overrun(section));
  else if (ended.code !== 0 && results.failures.length === before) {
    results.fail(
      `${section.name}: ${files.join(", ")}`,
      `ended with ${ended.code ?? "a signal"}\n${other.output.text}`,
    );
  }
  failOnLeftovers(section, files.join(", "), ended, results);
  const tookMs = Date.now() - startedAtMs;
  for (const [file, tally] of tallies) print(tally.print(file, files.length === 1 ? tookMs : undefined));
}

function testCommand(section: Section, files: readonly string[]): readonly [string, ...string[]] {
  const concurrency = section.alone === true ? 1 : 2;
  return [
    process.execPath,
    "--conditions=@malla/source",
    "--disable-warning=ExperimentalWarning",
    "--test",
    `--test-reporter=${REPORTER}`,
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${section.fileBoundMs ?? section.boundMs}`,
    ...files,
  ];
}

function failOnLeftovers(section: Section, what: string, { leftovers }: Ended, results: Results): void {
  if (leftovers.length > 0) results.fail(`${section.name}: ${what} left behind`, leftovers.join("\n"));
}

function overrun({ boundMs }: Section): string {
  return `the section took longer than ${seconds(boundMs)}; what was running then was killed`;
}

/** What had reported nothing yet; where everything had, all of it. */
function unfinished(tallies: ReadonlyMap<string, Tally>): readonly string[] {
  const silent = [...tallies].filter(([, tally]) => tally.count === 0).map(([file]) => file);
  return silent.length > 0 ? silent : [...tallies.keys()];
}

function parseEvent(line: string): TestEvent | undefined {
  try {
    return JSON.parse(line) as TestEvent;
  } catch {
    return undefined;
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** The end of a text that may be long. */
class Tail {
  text = "";

  add(text: string): void {
    this.text = (this.text + text).slice(-KEPT_OUTPUT_CHARS);
  }
}

/** A stream of text as lines. */
class Lines {
  readonly #onLine: (line: string) => void;
  #rest = "";

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  add(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#onLine(line);
  }

  end(): void {
    if (this.#rest !== "") this.#onLine(this.#rest);
  }
}

/** What one file has shown. */
class Tally {
  readonly output = new Tail();
  readonly #failed: FailedTest[] = [];
  #passed = 0;
  #skipped = 0;

  get count(): number {
    return this.#passed + this.#failed.length + this.#skipped;
  }

  take(event: TestEvent): void {
    if (event.kind === "output") this.output.add(event.text);
    else if (event.kind === "passed") this.#passed++;
    else if (event.kind === "skipped") this.#skipped++;
    else if (event.kind === "failed") this.#failed.push(event);
  }

  /** The first failure of a file shows what the file wrote. */
  addTo(results: Results, where: string): void {
    results.passed += this.#passed;
    results.skipped += this.#skipped;
    for (const [index, { name, error }] of this.#failed.entries()) {
      const written = index > 0 || this.output.text === "" ? "" : `\nwritten by the file:\n${this.output.text}`;
      results.fail(`${where}: ${name}`, `${error}${written}`);
    }
  }

  print(file: string, tookMs: number | undefined): string {
    const mark = this.#failed.length > 0 || this.count === 0 ? "✖" : "✔";
    const parts = [`${this.#passed} passed`];
    if (this.#failed.length > 0) parts.push(`${this.#failed.length} failed`);
    if (this.#skipped > 0) parts.push(`${this.#skipped} skipped`);
    if (tookMs !== undefined) parts.push(seconds(tookMs));
    return `${mark} ${file} (${parts.join(", ")})\n`;
  }
}
