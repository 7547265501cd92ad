// What `npm run bench` was asked for.
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Cell } from "./cell.ts";
import type { Contender } from "./contender.ts";
import { cellsOf } from "./matrix.ts";

export interface Wish {
  readonly contenders: readonly Contender[];
  readonly cells: readonly Cell[];
  readonly tls: boolean;
  readonly rounds: number;
  readonly durationMs: number;
  /** Of everybody, once. */
  readonly settleMs: number;
  /** Of each measurement. */
  readonly warmUpMs: number;
  /** Where profiles of every Node process are written; undefined: nowhere. */
  readonly profileFolder: string | undefined;
  readonly output: "text" | "markdown" | "json";
}

export const USAGE = `npm run bench -- [options]
  --only A,B            these contenders
  --quick               small calls only, one short round: under two minutes
  --full                every payload and concurrency, and chains of calls
  --payload 128,1024    payloads in bytes, instead
  --concurrency 16,128  calls at a time, instead
  --depth 1,3,5         services a call goes through, instead
  --rate N              calls a second of the open loop (default 2000; 0: none)
  --tls                 with every connection to the broker encrypted
  --repeats N           rounds, of which the medians are printed (default 5; with --quick 1)
  --seconds S           of each measurement (default 2; with --quick 1)
  --profile FOLDER      write a .cpuprofile of every Node process into it; what is measured then is slower
  --markdown            tables in Markdown
  --json                rows as one line of JSON, the last one of standard output`;

/** Throws an Error that says what is wrong. */
export function readWish(args: readonly string[], all: readonly Contender[]): Wish {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      quick: { type: "boolean", default: false },
      full: { type: "boolean", default: false },
      payload: { type: "string" },
      concurrency: { type: "string" },
      depth: { type: "string" },
      rate: { type: "string" },
      tls: { type: "boolean", default: false },
      repeats: { type: "string" },
      seconds: { type: "string" },
      profile: { type: "string" },
      markdown: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const { quick, full, tls, json, markdown } = values;
  if (quick && full) throw new Error("--quick and --full: one of them");
  const rate = values.rate === undefined ? undefined : number("--rate", values.rate, 0, 1_000_000);
  const cells = cellsOf({
    extent: quick ? "quick" : full ? "full" : "default",
    ...(values.payload === undefined ? {} : { payloads: list("--payload", values.payload, 64 * 2 ** 20) }),
    ...(values.concurrency === undefined ? {} : { concurrencies: list("--concurrency", values.concurrency, 10_000) }),
    ...(values.depth === undefined ? {} : { depths: list("--depth", values.depth, 9) }),
    ...(rate === undefined ? {} : { rate }),
  });
  return {
    contenders: choose(values.only, all),
    cells,
    tls,
    rounds: values.repeats === undefined ? (quick ? 1 : 5) : number("--repeats", values.repeats, 1, 1_000),
    durationMs:
      1000 * (values.seconds === undefined ? (quick ? 1 : 2) : number("--seconds", values.seconds, 0.05, 3_600)),
    settleMs: quick ? 600 : 3_000,
    warmUpMs: quick ? 250 : 1_000,
    profileFolder: values.profile === undefined ? undefined : resolve(values.profile),
    output: json ? "json" : markdown ? "markdown" : "text",
  };
}

function choose(only: string | undefined, all: readonly Contender[]): readonly Contender[] {
  if (only === undefined) return all;
  const names = only.split(",").map((name) => name.trim());
  const unknown = names.filter((name) => all.every((contender) => contender.name !== name));
  if (unknown.length > 0)
    throw new Error(`no contender ${unknown.join(", ")}; there are ${all.map(({ name }) => name).join(", ")}`);
  return all.filter(({ name }) => names.includes(name));
}

function list(flag: string, text: string, most: number): readonly number[] {
  return text.split(",").map((one) => number(flag, one.trim(), 1, most));
}

function number(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text !== "" && value >= least && value <= most) return value;
  throw new Error(`${flag} takes a number from ${least} to ${most}, not ${text}`);
}
