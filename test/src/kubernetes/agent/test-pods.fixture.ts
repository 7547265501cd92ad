// Pods for the tests of the agent: small programs on the image `malla`.

/** Answers `GET /…` with what it sees: host name, environment, user, a file by `/file/<path>`, addresses by `/resolve/<name>`. */
export const SEES = `
const { createServer } = require("node:http");
const { readFileSync, writeFileSync } = require("node:fs");
const { lookup } = require("node:dns/promises");
const { hostname } = require("node:os");
process.on("SIGTERM", () => { console.log("asked to end"); process.exit(0); });
const views = {
  host: () => hostname(),
  env: (name) => process.env[name] ?? "",
  user: () => [process.getuid(), process.getgid(), ...process.getgroups()].join(" "),
  file: (...path) => readFileSync("/" + path.join("/"), "utf8"),
  write: (...path) => { try { writeFileSync("/" + path.join("/"), "x"); return "written"; } catch (e) { return e.code; } },
  resolve: async (name) => (await lookup(name, { all: true, family: 4 })).map((a) => a.address).sort().join(" "),
  get: async (...url) => (await fetch("http://" + url.join("/"))).text(),
  end: (code) => process.exit(Number(code)),
  ready: () => "yes",
};
createServer(async (request, response) => {
  const [, view, ...rest] = request.url.split("/").map(decodeURIComponent);
  try { response.end(String(await views[view](...rest))); }
  catch (error) { response.statusCode = 500; response.end(String(error)); }
}).listen(8080, () => console.log("listens"));
`;

export interface TestContainer {
  readonly [field: string]: unknown;
}

/** A container that runs `source` on Node. */
export function nodeContainer(source: string, more: TestContainer = {}): TestContainer {
  return { name: "main", image: "malla:test", args: ["-e", source], ...more };
}

/** Several objects as one text for `kubectl apply -f -`. */
export function asList(...items: readonly object[]): string {
  return JSON.stringify({ apiVersion: "v1", kind: "List", items });
}

/** What a controller makes pods from. */
export function template(app: string, spec: object): object {
  return { metadata: { labels: { app } }, spec: { terminationGracePeriodSeconds: 5, ...spec } };
}

export function object(apiVersion: string, kind: string, name: string, rest: object): object {
  return { apiVersion, kind, metadata: { name }, ...rest };
}
