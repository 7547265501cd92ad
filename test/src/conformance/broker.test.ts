// The contract of a broker, held against a real nats-server with the shipped limits: what unit tests learn from the twin in
// memory is true of the real thing. Subjects of the contract are in nobody's grants, so this server has no accounts.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { findNatsServer, type RunningServer, SERVER_SETTINGS_FOLDER, startNatsServer } from "@malla/broker-config";
import { type BrokerMessage, connectNats, type NatsBroker } from "@malla/sdk/broker";
import { brokerContract } from "@malla/sdk/testing";

let home: string;
let server: RunningServer;
const open = new Set<NatsBroker>();
const callbackErrors: unknown[] = [];

before(async () => {
  home = await mkdtemp(join(tmpdir(), "malla-conformance-"));
  const binary = await findNatsServer({ progress: (line) => console.error(line) });
  const configPath = join(home, "nats-server.conf");
  // Included paths are relative to the file they stand in.
  const limits = relative(home, join(SERVER_SETTINGS_FOLDER, "limits.conf"));
  const settings = ["host: 127.0.0.1", "port: -1", `ports_file_dir: "${home}"`, `include "${limits}"`];
  await writeFile(configPath, `${settings.join("\n")}\n`);
  server = await startNatsServer({ binary: binary.path, configPath });
});

after(async () => {
  await server?.stop();
  if (home !== undefined) await rm(home, { recursive: true, force: true });
});

afterEach(async () => {
  await Promise.all([...open].map(async (broker) => broker.close()));
  open.clear();
});

async function connect(): Promise<NatsBroker> {
  const broker = await connectNats({
    servers: server.url,
    name: "conformance",
    onCallbackError: (error) => callbackErrors.push(error),
  });
  open.add(broker);
  return broker;
}

describe("the contract of a broker, on a real server", () => {
  for (const { name, run } of brokerContract) test(name, async () => run({ connect, callbackErrors }));
});

test("the client's faster ways of sending and reading are there: another version of it may have moved them", async () =>
  assert.ok((await connect()).isFast));

test("what is published, subscribed, flushed and ended comes in the order it was done in", async () => {
  const broker = await connect();
  const heard: string[] = [];
  const say = (text: string): void => broker.publish("order", Buffer.from(text));
  say("before");
  const first = broker.subscribe("order", ({ payload }) => heard.push(Buffer.from(payload).toString()));
  say("while");
  broker.publish("order", Buffer.alloc(40_000, "x"));
  say("behind the large one");
  first.unsubscribe();
  say("after");
  await broker.flush();
  // An unsubscribe ends what is heard at once on our side; the broker has seen the same order.
  const second = broker.subscribe("order", ({ payload }) => heard.push(`${payload.length}`));
  broker.publish("order", Buffer.alloc(40_000, "x"));
  broker.publish("order", Buffer.alloc(3));
  await broker.flush();
  await second.drain();
  assert.deepEqual(heard, ["40000", "3"]);
});

test("the no-responders answer is the one the twin in memory gives, to the byte", async () => {
  const broker = await connect();
  const answer = new Promise<BrokerMessage>((resolve) => broker.subscribe("inbox.*", resolve));
  broker.publish("nobody", new Uint8Array(0), "inbox.1");
  // Servers before 2.12 do not name the subject.
  assert.match(
    Buffer.from((await answer).headers).toString("latin1"),
    /^NATS\/1\.0 503\r\n(Nats-Subject: nobody\r\n)?\r\n$/,
  );
});
