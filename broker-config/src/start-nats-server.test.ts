import assert from "node:assert/strict";
import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type ServerExit, startNatsServer } from "./start-nats-server.ts";

/** A stand-in that behaves like the server as far as starting one goes; `argv0` of a script is its interpreter's. */
const STAND_IN = `#!/usr/bin/env node
const net = require("node:net"), fs = require("node:fs"), path = require("node:path");
const config = process.argv.at(-1), mode = fs.readFileSync(config, "utf8").trim();
if (mode === "taken") { console.error('[FTL] Error listening on port: 127.0.0.1:4222, "listen tcp 127.0.0.1:4222: bind: address already in use"'); process.exit(1); }
if (mode === "broken") { console.error("nats-server.conf:1:1: unknown field"); process.exit(1); }
const server = net.createServer((socket) => { socket.on("error", () => {}); socket.write("INFO {}\\r\\n"); });
server.listen(0, "127.0.0.1", () => {
  const file = path.join(path.dirname(config), "nats-server_" + process.pid + ".ports");
  fs.writeFileSync(file, JSON.stringify({ nats: ["nats://127.0.0.1:" + server.address().port] }));
});
if (mode === "dies") setTimeout(() => { console.error("last words"); process.exit(3); }, 150);
process.on("SIGTERM", () => process.exit(0));
`;

async function standIn(
  context: TestContext,
  mode: string,
): Promise<{ folder: string; binary: string; configPath: string }> {
  const folder = await mkdtemp(join(tmpdir(), "malla-start-"));
  context.after(() => rm(folder, { recursive: true, force: true }));
  const binary = join(folder, "stand-in.cjs");
  const configPath = join(folder, "nats-server.conf");
  await writeFile(binary, STAND_IN);
  await writeFile(configPath, mode);
  await chmod(binary, 0o755);
  return { folder, binary, configPath };
}

const portsFiles = async (folder: string): Promise<string[]> =>
  (await readdir(folder)).filter((name) => name.endsWith(".ports"));

test("starts, refuses a second one in the folder, stops, and leaves nothing", async (context) => {
  const { folder, ...options } = await standIn(context, "runs");
  const exits: ServerExit[] = [];
  const server = await startNatsServer({ ...options, onExit: (exit) => exits.push(exit) });
  context.after(() => server.stop());
  assert.match(server.url, /^nats:\/\/127\.0\.0\.1:\d+$/);
  await assert.rejects(startNatsServer(options), new RegExp(`process ${server.pid}.*already runs`));
  await Promise.all([server.stop(), server.stop()]);
  assert.deepEqual(
    exits.map(({ code, expected }) => [code, expected]),
    [[0, true]],
  );
  assert.deepEqual(await portsFiles(folder), []);
  assert.throws(() => process.kill(server.pid, 0));
});

test("an unexpected end is told with the last lines of the log", async (context) => {
  const { folder, ...options } = await standIn(context, "dies");
  const exit = await new Promise<ServerExit>((resolve, reject) => {
    startNatsServer({ ...options, onExit: resolve }).catch(reject);
  });
  assert.deepEqual([exit.code, exit.expected, exit.lastLines.at(-1)], [3, false, "last words"]);
  assert.deepEqual(await portsFiles(folder), []);
});

test("a taken port is said with the flag to change it", async (context) => {
  const { folder, ...options } = await standIn(context, "taken");
  await assert.rejects(
    startNatsServer({ ...options, portFlag: "--port-of-ours" }),
    /127\.0\.0\.1:4222: the port is taken; choose another with --port-of-ours/,
  );
  assert.deepEqual(await portsFiles(folder), []);
});

test("a server that does not start is explained by its log", async (context) => {
  const { binary, configPath } = await standIn(context, "broken");
  await assert.rejects(startNatsServer({ binary, configPath }), /did not start.*unknown field/s);
  for (const missing of [join(binary, "missing"), `${binary}.missing`]) {
    await assert.rejects(startNatsServer({ binary: missing, configPath }), /did not start: spawn .*ENO(ENT|TDIR)/);
  }
});

test("a ports file left by a killed server, its port taken by something else, is no obstacle", async (context) => {
  const { folder, ...options } = await standIn(context, "runs");
  const other = createServer((socket) => socket.end("HTTP/1.1 400\r\n"));
  context.after(() => void other.close());
  const port = await new Promise<number>((resolve) => {
    other.listen(0, "127.0.0.1", () => resolve((other.address() as { port: number }).port));
  });
  await writeFile(
    join(folder, `nats-server_${process.pid}.ports`),
    JSON.stringify({ nats: [`nats://127.0.0.1:${port}`] }),
  );
  const server = await startNatsServer(options);
  assert.deepEqual(await portsFiles(folder), [`nats-server_${server.pid}.ports`]);
  await server.stop();
});
