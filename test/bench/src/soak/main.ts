// `npm run soak`: a routed mesh at a share of its peak for a long time. The last line of standard output is one JSON object with
// slopes and a verdict. Ends with 0 if nothing grew and no call failed, 1 if not, 2 if it was asked for what there is not.
import { parseArgs } from "node:util";
import { openMachine } from "../machine.ts";
import { stopSignal } from "../stop-signal.ts";
import { type SoakOptions, soak } from "./soak.ts";

const USAGE = `npm run soak -- [options]
  --minutes N   how long (default 30)
  --share P     percent of the peak, which is measured first (default 70)
  --every S     seconds between two looks (default 10)`;

/** With fewer, whatever grows is noise. */
const FEWEST_LOOKS = 10;

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function readWish(): Pick<SoakOptions, "minutes" | "share" | "everyMs"> {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "30" },
      share: { type: "string", default: "70" },
      every: { type: "string", default: "10" },
    },
  });
  const minutes = number("--minutes", values.minutes, 0.1, 7 * 24 * 60);
  const everyMs = number("--every", values.every, 0.5, 3_600) * 1_000;
  if ((minutes * 60_000) / everyMs < FEWEST_LOOKS)
    throw new Error(`${minutes} minutes with a look every ${everyMs / 1_000} s are fewer than ${FEWEST_LOOKS} looks`);
  return { minutes, everyMs, share: number("--share", values.share, 1, 100) / 100 };
}

function number(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text !== "" && value >= least && value <= most) return value;
  throw new Error(`${flag} takes a number from ${least} to ${most}, not ${text}`);
}

async function run(wish: ReturnType<typeof readWish>): Promise<number> {
  const signal = stopSignal();
  const machine = await openMachine(say);
  try {
    const result = await soak(machine, { ...wish, signal, say });
    for (const line of result.grows) say(line);
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return result.verdict === "steady" && result.load.failed === 0 ? 0 : 1;
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return 1;
  } finally {
    await machine.close();
  }
}

let wish: ReturnType<typeof readWish> | undefined;
try {
  wish = readWish();
} catch (error) {
  say(`${(error as Error).message}\n${USAGE}`);
  process.exitCode = 2;
}
if (wish !== undefined) process.exitCode = await run(wish);
