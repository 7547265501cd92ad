// A line of a JSON log as a person reads it.
import { plainText } from "./plain-text.ts";

/** Facts that say nothing to whoever sees the name of the process before the line. */
const LEFT_OUT: ReadonlySet<string> = new Set(["level", "message", "time", "pid", "router"]);

/** `warn: the connection to the broker is down (connection mesh)`; a line that is no JSON object stays as it is. */
export function readableLog(line: string): string {
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return plainText(line);
  }
  if (typeof entry !== "object" || entry === null || typeof entry["message"] !== "string") return plainText(line);
  const facts = Object.entries(entry)
    .filter(([name]) => !LEFT_OUT.has(name))
    .map(([name, value]) => `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`);
  return plainText(
    `${String(entry["level"])}: ${entry["message"]}${facts.length === 0 ? "" : ` (${facts.join(", ")})`}`,
  );
}
