// What a run of node:test tells the runner, a line of JSON each.
import { inspect } from "node:util";

export type TestEvent =
  | { readonly kind: "passed"; readonly file: string; readonly name: string; readonly durationMs: number }
  | SkippedTest
  | FailedTest
  | { readonly kind: "output"; readonly file: string; readonly text: string };

export interface SkippedTest {
  readonly kind: "skipped";
  readonly file: string;
  readonly name: string;
  /** As the test says it; empty if it says nothing. */
  readonly reason: string;
}

export interface FailedTest {
  readonly kind: "failed";
  readonly file: string;
  readonly name: string;
  readonly error: string;
}

/** The parts that are read of what node:test gives a reporter. */
export interface NodeTestEvent {
  readonly type: string;
  readonly data: {
    readonly name?: string;
    readonly nesting?: number;
    readonly file?: string;
    readonly message?: string;
    readonly skip?: string | boolean;
    readonly todo?: string | boolean;
    readonly details?: {
      readonly type?: string;
      readonly duration_ms?: number;
      readonly error?: { readonly failureType?: string; readonly cause?: unknown };
    };
  };
}

/**
 * One line for the runner, or nothing for what does not count: a group of tests that was run, and a test that failed only because one
 * inside it did. `path` is how deep we are: the names around this one.
 */
export function toTestEvent({ type, data }: NodeTestEvent, path: readonly string[]): TestEvent | undefined {
  const file = data.file ?? "";
  if (type === "test:stdout" || type === "test:stderr") return { kind: "output", file, text: data.message ?? "" };
  // What node:test has to say of one file, such as an error thrown after its tests had ended.
  if (type === "test:diagnostic" && file !== "") return { kind: "output", file, text: `${data.message ?? ""}\n` };
  if (type !== "test:pass" && type !== "test:fail") return undefined;
  const name = [...path, data.name ?? ""].join(" > ");
  const isGroup = data.details?.type === "suite";
  if (type === "test:fail") {
    const error = data.details?.error;
    if (error?.failureType === "subtestsFailed") return undefined;
    if (isMarked(data.todo)) return { kind: "skipped", file, name, reason: reasonOf(data.todo) };
    return { kind: "failed", file, name, error: describe(error?.cause ?? error) };
  }
  const mark = [data.skip, data.todo].find(isMarked);
  // A group that is left out counts as one test: what is in it is not even looked at.
  if (isGroup && !isMarked(data.skip)) return undefined;
  // node:test counts a file without a test in it as one that passed.
  if (data.nesting === 0 && isFileName(data.name, file)) {
    return { kind: "failed", file, name, error: "there is no test in this file" };
  }
  if (mark !== undefined) return { kind: "skipped", file, name, reason: reasonOf(mark) };
  return { kind: "passed", file, name, durationMs: data.details?.duration_ms ?? 0 };
}

function isMarked(mark: string | boolean | undefined): boolean {
  return mark !== undefined && mark !== false;
}

function reasonOf(mark: string | boolean | undefined): string {
  return typeof mark === "string" ? mark : "";
}

function isFileName(name: string | undefined, file: string): boolean {
  return name !== undefined && file !== "" && (name === file || file.endsWith(`/${name}`));
}

function describe(error: unknown): string {
  return typeof error === "string" ? error : inspect(error, { depth: 6, colors: false });
}
