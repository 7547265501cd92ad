// A program that runs sections: every section in order, then every failure in full, then the totals as the last line.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Results } from "./results.ts";
import { runSection } from "./run-section.ts";
import { SECTIONS, type Section } from "./sections.ts";
import { addTotals, writeTotals } from "./totals.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

type Print = (text: string) => void;

interface Wish {
  readonly sections: readonly Section[];
  readonly only: string | undefined;
  readonly repeat: number;
  readonly totals: string | undefined;
}

export interface ProgramOptions {
  /**
   * Names of sections select, `--except NAME` leaves one out, `--only TEXT` keeps the files whose path holds it, `--repeat N` runs
   * the chosen ones N times. `--totals FILE` begins with the totals in that file if it is there, and leaves its own there: runs
   * one after the other end with one summary of all.
   */
  readonly args: readonly string[];
  /** What is run where no section is named. Default: all. */
  readonly sections?: readonly string[];
  /** Done before all sections; when it fails, that is a failure of the run, and the sections are run all the same. */
  readonly before?: (print: Print, signal: AbortSignal) => Promise<void>;
}

/** Sets the exit code: 0 only if something passed and nothing failed, 2 if it was asked for what there is not. */
export async function runProgram(options: ProgramOptions): Promise<void> {
  const stop = new AbortController();
  for (const [signal, code] of Object.entries(SIGNALS)) process.once(signal, () => stop.abort(code));
  try {
    const code = await runAll(readWish(options), options, stop.signal);
    process.exitCode = stop.signal.aborted ? stop.signal.reason : code;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  }
}

function readWish({ args, sections: usual = SECTIONS.map(({ name }) => name) }: ProgramOptions): Wish {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      except: { type: "string", multiple: true, default: [] },
      only: { type: "string" },
      repeat: { type: "string", default: "1" },
      totals: { type: "string" },
    },
  });
  const unknown = [...positionals, ...values.except].filter((name) =>
    SECTIONS.every((section) => section.name !== name),
  );
  if (unknown.length > 0) {
    throw new Error(`no section ${unknown.join(", ")}; there are ${SECTIONS.map(({ name }) => name).join(", ")}`);
  }
  const repeat = Number(values.repeat);
  if (!Number.isInteger(repeat) || repeat < 1)
    throw new Error(`--repeat takes a whole number from 1, not ${values.repeat}`);
  const wanted = positionals.length === 0 ? usual : positionals;
  const sections = SECTIONS.filter(({ name }) => wanted.includes(name) && !values.except.includes(name));
  return { sections, only: values.only, repeat, totals: values.totals };
}

async function runAll(wish: Wish, { before }: ProgramOptions, signal: AbortSignal): Promise<number> {
  const { sections, only, repeat, totals } = wish;
  const results = new Results();
  if (totals !== undefined) await addTotals(totals, results);
  const print: Print = (text) => void process.stdout.write(text);
  await before?.(print, signal).catch((error: Error) => {
    if (!signal.aborted) results.fail("before all sections", error.message);
  });
  for (let round = 1; round <= repeat; round++) {
    if (signal.aborted) break;
    if (repeat > 1) print(`\n##### round ${round} of ${repeat}\n`);
    for (const section of sections) {
      if (!signal.aborted) await runSection(section, { root: ROOT, only, results, print, signal });
    }
  }
  print(results.print());
  if (totals !== undefined) await writeTotals(totals, results);
  return results.succeeded ? 0 : 1;
}
