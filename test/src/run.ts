// `npm test`: every section in order, then every failure in full, then the totals as the last line. Names of sections select,
// `--only TEXT` keeps the files whose path holds it, `--repeat N` runs the chosen ones N times. Ends with 0 only if something
// passed and nothing failed; 2 if it was asked for what there is not.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Results } from "./runner/results.ts";
import { runSection } from "./runner/run-section.ts";
import { SECTIONS, type Section } from "./runner/sections.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

interface Wish {
  readonly sections: readonly Section[];
  readonly only: string | undefined;
  readonly repeat: number;
}

function readArguments(args: readonly string[]): Wish {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { only: { type: "string" }, repeat: { type: "string", default: "1" } },
  });
  const unknown = positionals.filter((name) => SECTIONS.every((section) => section.name !== name));
  if (unknown.length > 0) {
    throw new Error(`no section ${unknown.join(", ")}; there are ${SECTIONS.map(({ name }) => name).join(", ")}`);
  }
  const repeat = Number(values.repeat);
  if (!Number.isInteger(repeat) || repeat < 1)
    throw new Error(`--repeat takes a whole number from 1, not ${values.repeat}`);
  const sections = SECTIONS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  return { sections, only: values.only, repeat };
}

async function runAll({ sections, only, repeat }: Wish, signal: AbortSignal): Promise<number> {
  const results = new Results();
  const print = (text: string): void => void process.stdout.write(text);
  for (let round = 1; round <= repeat; round++) {
    if (signal.aborted) break;
    if (repeat > 1) print(`\n##### round ${round} of ${repeat}\n`);
    for (const section of sections) {
      if (!signal.aborted) await runSection(section, { root: ROOT, only, results, print, signal });
    }
  }
  print(results.print());
  return results.succeeded ? 0 : 1;
}

const stop = new AbortController();
for (const [signal, code] of Object.entries(SIGNALS)) process.once(signal, () => stop.abort(code));

try {
  const code = await runAll(readArguments(process.argv.slice(2)), stop.signal);
  process.exitCode = stop.signal.aborted ? stop.signal.reason : code;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
