// Whatever a service says of itself ends up on an operator's terminal: nothing of it may steer that terminal.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { MeshError } from "@malla/sdk";
import type { NatsBroker } from "@malla/sdk/broker";
import { encodeHeaderBlock, encodeInstanceState, header } from "@malla/sdk/contract";
import { CommandLine, type Outcome } from "../e2e/command-line.ts";
import { BesiegedMesh } from "./besieged-mesh.ts";
import { announcement, hostileInstance } from "./hostile-instance.ts";

/** Clears the screen, names the window, turns the text around, reports a key, in every form a terminal knows. */
const EVIL = "\u001b[2J\u001b]0;pwned\u0007\u009b31m\u202e\u2066\u0008\u001b]8;;http://x\u001b\\";
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const STEERS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

let besieged: BesiegedMesh;
let commands: CommandLine;
let client: NatsBroker;

before(async () => {
  besieged = await BesiegedMesh.start();
  const { mesh } = besieged;
  for (const name of ["operator", "observer", "guest"] as const) await mesh.credentials(name, name);
  commands = new CommandLine({ MALLA_HOME: mesh.home, NATS_URL: mesh.url });
  client = (await besieged.hostile("evil", "service")).client;
  await hostileInstance(client, "evil", ({ reply, subject }) => {
    const fields = subject.endsWith(".fails")
      ? [header.status, "NOT_FOUND", header.reason, "application", header.serviceError, "gone \u009b2J\u202e\u0085away"]
      : ["Content-Type", subject.endsWith(".bytes") ? "application/octet-stream" : "application/json"];
    client.publish(reply, Buffer.from(JSON.stringify({ text: `a${EVIL}b` })), undefined, encodeHeaderBlock(fields));
  });
  const said = {
    name: "evil",
    id: `i1${EVIL}`,
    version: `1.0.0${EVIL}`,
    endpoints: [{ name: `work${EVIL}`, subject: `mesh.run.evil.${EVIL}`, last_error: EVIL }, null, "x"],
  };
  for (const body of [said, { ...said, endpoints: "x" }, { ...said, name: EVIL }, 7])
    client.subscribe("$SRV.STATS", ({ reply }) => client.publish(reply, Buffer.from(JSON.stringify(body))));
  await client.flush();
  client.publish(
    "mesh.instance.evil.i1",
    encodeInstanceState(
      announcement({ methods: ["work", "fails", "bytes"], tags: { "zone\u202e": "a\u2066" }, version: "1.0.0\u202e" }),
    ),
  );
  // What no router takes, but whoever listens hears.
  client.publish("mesh.instance.evil.i2", encodeInstanceState(announcement({ version: EVIL, tags: { [EVIL]: EVIL } })));
  await client.flush();
});

after(async () => {
  await commands?.close();
  await besieged?.stop();
});

async function malla(...args: readonly string[]): Promise<Outcome> {
  return await besieged.underAttack(async () => await commands.start(args).ended);
}

function assertPlain({ stdout, stderr }: Outcome, what: string): void {
  for (const text of [stdout, stderr]) {
    const at = STEERS.exec(text)?.index;
    assert.equal(
      at === undefined ? undefined : JSON.stringify(text.slice(Math.max(0, at - 60), at + 20)),
      undefined,
      what,
    );
  }
}

test("`malla services` lists a hostile service in plain text, in every format", async () => {
  for (const format of ["table", "wide", "json", "yaml"]) {
    const outcome = await malla("services", "-o", format);
    assert.equal(outcome.code, 0, outcome.stderr);
    assert.match(outcome.stdout, /evil/);
    assert.match(outcome.stdout, /greeter/, "others are listed beside it");
    assertPlain(outcome, format);
  }
});

test("`malla call` prints a hostile error and a hostile reply in plain text", async () => {
  const failed = await malla("call", "evil", "fails", "{}", "--as", "guest");
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /NOT_FOUND \(application\): gone .*away/);
  assertPlain(failed, "an error");
  assertPlain(await malla("call", "evil", "fails", "{}", "--as", "guest", "-o", "json"), "an error as JSON");
  const replied = await malla("call", "evil", "work", "{}", "--as", "guest");
  assert.deepEqual(JSON.parse(replied.stdout), { text: `a${EVIL}b` });
  assertPlain(replied, "a reply");
});

test("`malla check` and `malla describe` speak of a hostile service in plain text", async () => {
  await besieged.mesh.apply(`
apiVersion: malla.dev/v1
kind: ServicePolicy
metadata: { name: evil }
spec: { service: evil }
`);
  assertPlain(await malla("check"), "check");
  const described = await malla("describe", "ServicePolicy", "evil");
  assert.match(described.stdout, /Instances/);
  assertPlain(described, "describe");
});

test("an error of a service is one line without control characters wherever it arrives", async () => {
  const caller = await besieged.mesh.caller("buyer");
  await assert.rejects(caller.call("evil", "fails", {}), (error) => {
    assert.ok(error instanceof MeshError);
    assert.doesNotMatch(error.message, /\p{Cc}/u);
    return true;
  });
  await besieged.mesh.leave(caller);
});
