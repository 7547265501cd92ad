// One section: its heading, its commands, its files, its bound.
import { globSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Ended, runGroup } from "./process-group.ts";
import type { Results } from "./results.ts";
import type { Section } from "./sections.ts";
import type { FailedTest, TestEvent } from "./test-event.ts";

const REPORTER = fileURLToPath(new URL("./reporter.ts", import.meta.url));
/** Of what a file or a command wrote, for its failure. */
const KEPT_OUTPUT_CHARS = 64 * 1024;
/** A file whose test was given up reports which one it was; one that lives on without a test running is killed after this. */
const REPORT_MS = 2_000;

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
  const boundMs = (ownMs = section.boundMs): number =>
    Math.max(1, Math.min(ownMs, startedAtMs + section.boundMs - Date.now()));
  for (const command of commands) {
    if (!options.signal.aborted) await runCommand(section, command, boundMs(), options);
  }
  // Each lane takes the next file of the one list.
  const waiting = files.values();
  const lane = async (): Promise<void> => {
    for (const file of waiting) {
      if (options.signal.aborted) return;
      await runFile(section, file, boundMs(section.fileBoundMs), options);
    }
  };
  await Promise.all(section.alone === true ? [lane()] : [lane(), lane()]);
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
  else results.fail(`${section.name}: ${name}`, ended.overran ? overrun(boundMs) : output.text);
  failOnLeftovers(section, name, ended, results);
  print(`${ok ? "✔" : "✖"} ${name} (${seconds(Date.now() - startedAtMs)})\n`);
}

async function runFile(
  section: Section,
  file: string,
  boundMs: number,
  { root, results, print, signal }: SectionOptions,
): Promise<void> {
  const where = `${section.name}: ${file}`;
  const tally = new Tally();
  const lines = new Lines((line) => tally.take(parseEvent(line) ?? { kind: "output", file, text: `${line}\n` }));
  const startedAtMs = Date.now();
  const before = results.failures.length;
  const ended = await runGroup(testCommand(file, boundMs), {
    cwd: root,
    environment: section.environment ?? {},
    boundMs: boundMs + REPORT_MS,
    signal,
    onStdout: (text) => lines.add(text),
    onStderr: (text) => tally.output.add(text),
  });
  lines.end();
  tally.addTo(results, where);
  if (ended.overran) results.fail(where, `${overrun(boundMs)}\n${tally.output.text}`);
  else if (ended.code !== 0 && results.failures.length === before) {
    results.fail(where, `ended with ${ended.code ?? "a signal"}\n${tally.output.text}`);
  }
  failOnLeftovers(section, file, ended, results);
  print(tally.print(file, Date.now() - startedAtMs));
}

function testCommand(file: string, boundMs: number): readonly [string, ...string[]] {
  return [
    process.execPath,
    "--conditions=@malla/source",
    "--disable-warning=ExperimentalWarning",
    "--test",
    `--test-reporter=${REPORTER}`,
    `--test-timeout=${boundMs}`,
    file,
  ];
}

function failOnLeftovers(section: Section, what: string, { leftovers }: Ended, results: Results): void {
  if (leftovers.length > 0) results.fail(`${section.name}: ${what} left behind`, leftovers.join("\n"));
}

function overrun(boundMs: number): string {
  return `took longer than ${seconds(boundMs)}; what was running then was killed`;
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
  readonly #skipped: string[] = [];

  get count(): number {
    return this.#passed + this.#failed.length + this.#skipped.length;
  }

  take(event: TestEvent): void {
    if (event.kind === "output") this.output.add(event.text);
    else if (event.kind === "passed") this.#passed++;
    else if (event.kind === "skipped") this.#skipped.push(event.reason);
    else if (event.kind === "failed") this.#failed.push(event);
  }

  /** The first failure of a file shows what the file wrote. */
  addTo(results: Results, where: string): void {
    results.passed += this.#passed;
    for (const reason of this.#skipped) results.skip(reason);
    for (const [index, { name, error }] of this.#failed.entries()) {
      const written = index > 0 || this.output.text === "" ? "" : `\nwritten by the file:\n${this.output.text}`;
      results.fail(`${where}: ${name}`, `${error}${written}`);
    }
  }

  print(file: string, tookMs: number): string {
    const mark = this.#failed.length > 0 || this.count === 0 ? "✖" : "✔";
    const parts = [`${this.#passed} passed`];
    if (this.#failed.length > 0) parts.push(`${this.#failed.length} failed`);
    if (this.#skipped.length > 0) parts.push(`${this.#skipped.length} skipped`);
    parts.push(seconds(tookMs));
    return `${mark} ${file} (${parts.join(", ")})\n`;
  }
}
