// A JSON log line for people: time, level, message, then the facts as name=value.

const COLOURS: Readonly<Record<string, string>> = {
  debug: "\x1b[2m",
  info: "\x1b[32m",
  warn: "\x1b[33m",
  error: "\x1b[31m",
};
const DIM = "\x1b[2m";
const RESET = "\x1b[0m";
const HEAD = new Set(["time", "level", "message", "pid", "stack"]);

/** The line to show for one JSON line, ending in a newline. A line that is no JSON comes back as it is. */
export function prettyLine(line: string, colour: boolean): string {
  const facts = parse(line);
  if (facts === undefined) return line;
  const paint = (code: string, text: string) => (colour && text.length > 0 ? `${code}${text}${RESET}` : text);
  const level = String(facts.level ?? "info");
  const time = String(facts.time ?? "").slice(11, 23);
  const rest = Object.entries(facts).filter(([name]) => !HEAD.has(name));
  const pairs = rest.map(([name, value]) => `${paint(DIM, `${oneLine(name)}=`)}${oneLine(value)}`).join(" ");
  const parts = [
    paint(DIM, time),
    paint(COLOURS[level] ?? "", level.toUpperCase().padEnd(5)),
    oneLine(facts.message ?? ""),
    pairs,
  ];
  return `${parts.filter((part) => part.length > 0).join(" ")}\n${stackOf(facts)}`;
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Control characters would let a caller's text move the cursor or forge a line. */
function oneLine(value: unknown): string {
  if (isError(value)) return `${oneLine(value.type)}: ${oneLine(value.message)}`;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.replace(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

function isError(value: unknown): value is { type: string; message: string; stack: string } {
  return typeof value === "object" && value !== null && "stack" in value && "type" in value && "message" in value;
}

function stackOf(facts: Record<string, unknown>): string {
  const error = Object.values(facts).find(isError);
  if (error === undefined) return "";
  const frames = String(error.stack)
    .split("\n")
    .filter((frame) => frame.startsWith("    at "));
  return frames.map((frame) => `${oneLine(frame)}\n`).join("");
}
