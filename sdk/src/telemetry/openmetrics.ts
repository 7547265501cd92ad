// Prometheus's text format 0.0.4 to OpenMetrics 1.0.0. prom-client can write the latter, but renames its counters for good
// as it does so, and the next scraper that asks for text gets wrong names.

export const TEXT_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";
export const OPENMETRICS_CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const COUNTER = /^# TYPE (\S+)_total counter$/gm;

/** The same metrics in OpenMetrics 1.0.0: counter families lose `_total`, `le` is a float, `# EOF` ends it. */
export function toOpenMetrics(text: string): string {
  const counters = new Set([...text.matchAll(COUNTER)].map((match) => match[1] as string));
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    if (line.length > 0) lines.push(line.startsWith("#") ? familyLine(line, counters) : sampleLine(line));
  }
  return `${[...lines, "# EOF"].join("\n")}\n`;
}

function familyLine(line: string, counters: ReadonlySet<string>): string {
  const [hash, keyword, name, ...rest] = line.split(" ");
  const family =
    name?.endsWith("_total") === true && counters.has(name.slice(0, -"_total".length))
      ? name.slice(0, -"_total".length)
      : name;
  const text = rest.join(" ");
  return `${hash} ${keyword} ${family} ${keyword === "HELP" ? text.replaceAll('"', '\\"') : text}`;
}

function sampleLine(line: string): string {
  return line.replace(/([{,])le="(\d+)"/, '$1le="$2.0"').replace(/ Nan$/, " NaN");
}
