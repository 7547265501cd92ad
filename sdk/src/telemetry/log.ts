// The log: pino behind the Logger port, JSON lines or lines for people, everything redacted on its way out.
import { Writable } from "node:stream";
import { type DestinationStream, type LoggerOptions, pino } from "pino";
import { LineSink } from "./line-sink.ts";
import type { Logger } from "./port.ts";
import { prettyLine } from "./pretty-line.ts";
import { redactText, redactValue } from "./redact.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogOptions {
  /** Lines below it are not written. Default `info`. */
  readonly level?: LogLevel | undefined;
  /** `json`: one object a line, for machines; `pretty`: for people. Default `json`. */
  readonly format?: "json" | "pretty" | undefined;
  /** Default `stderr`: stdout belongs to what a command prints. */
  readonly to?: "stderr" | "stdout" | Writable | undefined;
  /** On every line, e.g. `{ service: "orders", instance: "a1" }`. */
  readonly facts?: Readonly<Record<string, unknown>> | undefined;
  /** Colours in pretty lines. Default: when the stream is a terminal and NO_COLOR is not set. */
  readonly colour?: boolean | undefined;
}

export interface Log extends Logger {
  /** Resolves when what was written is out, or a second has passed. */
  flush(): Promise<void>;
}

const DESCRIPTORS = { stdout: 1, stderr: 2 } as const;

/** Whether a text names a log level, for whoever reads configuration. */
export function isLogLevel(text: string): text is LogLevel {
  return (LOG_LEVELS as readonly string[]).includes(text);
}

/** A log on one stream. Writing never waits and never throws. */
export function createLog(options: LogOptions = {}): Log {
  const base = redactValue({ pid: process.pid, ...options.facts }) as Record<string, unknown>;
  const { stream, flush } = openStream(options, base);
  const settings: LoggerOptions = {
    level: options.level ?? "info",
    base,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: {
      level: (label) => ({ level: label }),
      log: (facts) => redactValue(facts) as Record<string, unknown>,
    },
    // Everything is plain by then; pino's own serializers would look for errors again.
    serializers: {},
    messageKey: "message",
  };
  return Object.assign(behindPort(pino(settings, stream)), { flush });
}

function behindPort(inner: pino.Logger): Logger {
  return {
    debug: (facts, message) => write(inner, "debug", facts, message),
    info: (facts, message) => write(inner, "info", facts, message),
    warn: (facts, message) => write(inner, "warn", facts, message),
    error: (facts, message) => write(inner, "error", facts, message),
    child: (facts) => behindPort(inner.child(redactValue(facts) as Record<string, unknown>)),
  };
}

function write(inner: pino.Logger, level: "debug" | "info" | "warn" | "error", facts: object, message: string): void {
  if (!inner.isLevelEnabled(level)) return;
  inner[level](facts, "%s", redactText(message));
}

function openStream(
  options: LogOptions,
  base: Readonly<Record<string, unknown>>,
): { stream: DestinationStream; flush: () => Promise<void> } {
  const to = options.to ?? "stderr";
  const isPretty = options.format === "pretty";
  const colour = isPretty && (options.colour ?? (process.env.NO_COLOR === undefined && isTerminal(to)));
  const dropped = (lines: number): string => {
    const time = new Date().toISOString();
    const message = "lines were dropped, since the reader of this log is too slow";
    const line = `${JSON.stringify({ level: "warn", time, ...base, lines, message })}\n`;
    return isPretty ? prettyLine(line, colour) : line;
  };
  const sink = to instanceof Writable ? to : new LineSink(DESCRIPTORS[to], dropped);
  const flush = async (): Promise<void> => (sink instanceof LineSink ? sink.flush() : undefined);
  if (!isPretty) return { stream: sink, flush };
  return { stream: { write: (line: string) => void sink.write(prettyLine(line, colour)) }, flush };
}

function isTerminal(to: "stderr" | "stdout" | Writable): boolean {
  if (to instanceof Writable) return "isTTY" in to && to.isTTY === true;
  return process[to].isTTY === true;
}
