import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { type Readable, Writable } from "node:stream";
import { test } from "node:test";
import { Secret } from "../contract/secret.ts";
import { createLog, isLogLevel, type LogOptions } from "./log.ts";

function collecting(options: LogOptions = {}) {
  const lines: string[] = [];
  const to = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  return { log: createLog({ ...options, to }), lines };
}

test("a line is one JSON object with level, time, facts and message", () => {
  const { log, lines } = collecting({ facts: { service: "orders" } });
  log.warn({ attempts: 2 }, "100 %s done");
  const line = JSON.parse(lines[0] ?? "") as Record<string, unknown>;
  assert.deepEqual(
    { ...line, time: undefined },
    { level: "warn", time: undefined, pid: process.pid, service: "orders", attempts: 2, message: "100 %s done" },
  );
  assert.equal(new Date(String(line.time)).toISOString(), line.time);
});

test("lines below the level are not written, and silent writes nothing", () => {
  const { log, lines } = collecting({ level: "warn" });
  log.info({}, "no");
  log.child({ a: 1 }).debug({}, "no");
  log.error({}, "yes");
  assert.equal(lines.length, 1);
  const silent = collecting({ level: "silent" });
  silent.log.error({}, "no");
  assert.equal(silent.lines.length, 0);
  assert.equal(isLogLevel("info"), true);
  assert.equal(isLogLevel("loud"), false);
});

test("children carry their facts", () => {
  const { log, lines } = collecting();
  log.child({ router: "router-1" }).child({ call: 7 }).info({ x: 1 }, "m");
  const { router, call, x } = JSON.parse(lines[0] ?? "") as Record<string, unknown>;
  assert.deepEqual([router, call, x], ["router-1", 7, 1]);
});

test("a canary reaches no line, whatever way it goes in", () => {
  for (const format of ["json", "pretty"] as const) {
    const { log, lines } = collecting({ format, level: "debug", facts: { token: "canary", s: new Secret("canary") } });
    const error = Object.assign(new Error("Bearer canary-canary"), { authorization: "canary" });
    log.info({ headers: { Authorization: "canary", cookie: "canary" } }, "m");
    log.error({ error, err: error, cause: { error } }, "m");
    log.error(error, "m");
    log.warn({ secret: new Secret("canary"), nested: [new Secret("canary")] }, "m Bearer canary-canary");
    log.child({ password: "canary", s: new Secret("canary") }).debug({ fields: ["authorization", "canary"] }, "m");
    assert.equal(lines.length, 5);
    for (const line of lines) assert.doesNotMatch(line, /canary/);
  }
});

test("errors keep what helps: type, message, stack", () => {
  const { log, lines } = collecting();
  log.error({ error: new RangeError("too far") }, "m");
  const { error } = JSON.parse(lines[0] ?? "") as { error: Record<string, string> };
  assert.equal(error.type, "RangeError");
  assert.equal(error.message, "too far");
  assert.match(error.stack ?? "", /log\.test\.ts/);
});

test("pretty lines are for people, and a caller's text cannot forge one", () => {
  const { log, lines } = collecting({ format: "pretty", colour: false });
  log.warn({ service: "orders", attempts: 2, note: "a\n\x1b[2Jb", "k\n": 1 }, "call\nfailed");
  assert.match(
    lines[0] ?? "",
    /^\d\d:\d\d:\d\d\.\d{3} WARN {2}call\\x0afailed service=orders attempts=2 note=a\\x0a\\x1b\[2Jb k\\x0a=1\n$/,
  );
  log.error({ error: new Error("no\x1b[2J") }, "m");
  assert.match(lines[1] ?? "", /error=Error: no\\x1b\[2J\n {4}at /);
  const coloured = collecting({ format: "pretty", colour: true });
  coloured.log.error({}, "m");
  assert.ok(coloured.lines[0]?.includes("\x1b[31mERROR"));
});

test("lines are out when the process ends, on the stream asked for", () => {
  const source = `import { createLog } from ${JSON.stringify(new URL("./log.ts", import.meta.url).href)};
    createLog({ to: process.argv[1] }).info({}, "last words"); process.exit(3);`;
  for (const to of ["stdout", "stderr"] as const) {
    const args = ["--input-type=module", "--conditions=@malla/source", "-e", source, to];
    const ran = spawnSync(process.execPath, args, { encoding: "utf8" });
    assert.equal(ran.status, 3, ran.stderr);
    assert.match(ran[to], /"message":"last words"/);
    assert.equal(ran[to === "stdout" ? "stderr" : "stdout"], "");
  }
});

/** A process that logs as told, with its log on a pipe whose reader is ours to keep or close. */
function logging(body: string): ChildProcess {
  const source = `import { createLog } from ${JSON.stringify(new URL("./log.ts", import.meta.url).href)};
    const log = createLog(); ${body}`;
  const args = ["--input-type=module", "--conditions=@malla/source", "-e", source];
  return spawn(process.execPath, args, { stdio: ["pipe", "ignore", "pipe"] });
}

test("a reader that has gone stops no process, neither at a flush nor at its end", async () => {
  const child = logging(`
    process.stdin.once("data", async () => {
      for (let i = 0; i < 100; i++) log.info({ i }, "to nobody");
      await log.flush();
      log.info({}, "to nobody");
      process.exit(4);
    });
    log.info({}, "ready");`);
  await once(child.stderr as Readable, "data");
  child.stderr?.destroy();
  child.stdin?.write("go");
  const [code] = (await once(child, "exit")) as [number | null];
  assert.equal(code, 4);
});

test("a reader that takes its time gets every line, in order", async () => {
  const child = logging(`for (let i = 0; i < 20_000; i++) log.info({ i }, "line");`);
  let text = "";
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    child.stderr?.pause();
    setImmediate(() => child.stderr?.resume());
  });
  await once(child, "close");
  const numbers = text
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { i: number }).i);
  assert.deepEqual(
    numbers,
    Array.from({ length: 20_000 }, (_, i) => i),
  );
});

test("a reader that is too slow loses lines, and is told how many", async () => {
  const child = logging(`for (let i = 0; i < 12_000; i++) log.info({ i, text: "x".repeat(1_000) }, "line");`);
  let text = "";
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  await once(child, "close");
  const lines = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { level: string; i?: number; lines?: number });
  const told = lines.filter(({ lines: dropped }) => dropped !== undefined);
  const written = lines.filter(({ i }) => i !== undefined);
  // All were written before the first could leave, so what fits into 8 MiB is there.
  assert.ok(written.length > 6_000 && written.length < 9_000, `${written.length} lines`);
  assert.deepEqual([told.length, told[0]?.level, told[0]?.lines], [1, "warn", 12_000 - written.length]);
});
