// `malla backup` and `malla restore`: a mesh that is lost with its home and its broker's store comes back as it was.
import assert from "node:assert/strict";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { CommandLine, type LongRunning, type Outcome, ROOT } from "./command-line.ts";

const PASSPHRASE = "four random words please";
const line = new CommandLine({ MALLA_BACKUP_PASSPHRASE: PASSPHRASE });
after(async () => line.close());

const home = join(line.folder, ".malla");
const keysIn = (folder: string): Record<string, string> =>
  Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]));

function ok(args: readonly string[]): string {
  const { code, stdout, stderr } = line.run(args);
  assert.equal(code, 0, `malla ${args.join(" ")}: ${stderr}${stdout}`);
  return stdout;
}

function refused(args: readonly string[], message: RegExp): void {
  const { code, stderr } = line.run(args);
  assert.notEqual(code, 0, args.join(" "));
  assert.match(stderr, message);
  assert.doesNotMatch(stderr, /\n\s+at /, "no stack");
}

async function up(): Promise<LongRunning> {
  const mesh = line.start(["up", "--port", "-1", "--metrics-port", "0"]);
  await mesh.until("The mesh is up");
  return mesh;
}

async function serve(): Promise<LongRunning> {
  const greeter = line.start(["run", "--service", "greeter", "--", process.execPath, "greeter.mjs"]);
  await greeter.until("serving");
  return greeter;
}

async function end({ child, ended }: LongRunning): Promise<void> {
  child.kill("SIGTERM");
  await ended;
}

function policy(name: string, principal: string): string {
  const file = join(line.folder, `${name}.yaml`);
  writeFileSync(
    file,
    `apiVersion: malla.dev/v1
kind: AccessPolicy
metadata: { name: ${name} }
spec: { service: greeter, action: allow, rules: [{ principals: [${principal}] }] }
`,
  );
  return file;
}

function callAs(principal: string): Outcome {
  return line.run(["call", "greeter", "hello", "{}", "--as", principal]);
}

test("a mesh that is lost comes back with its keys and its policy, and credentials of before are good", async () => {
  writeFileSync(
    join(line.folder, "greeter.mjs"),
    `import { connect } from ${JSON.stringify(join(ROOT, "sdk/dist/index.js"))};
const mesh = await connect();
await mesh.serve({ hello: async () => ({ text: "hello" }) });
console.log("serving");
`,
  );
  const mesh = await up();
  const greeter = await serve();
  ok(["apply", "-f", policy("first", "somebody")]);
  ok(["apply", "-f", policy("only-the-boss", "boss")]);
  ok(["delete", "accesspolicy", "first"]);
  const credentials = join(line.folder, "boss.creds");
  ok(["credentials", "issue", "boss", "--role", "service", "-o", credentials]);

  assert.match(
    ok(["backup", "-o", "mesh.backup"]),
    /^mesh\.backup holds \d+ keys, revision 3 of the policy \(1 documents\), 2 earlier revisions\n$/,
  );
  const file = join(line.folder, "mesh.backup");
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const before = keysIn(join(home, "keys"));
  const accounts = readFileSync(join(home, "server/accounts.conf"), "utf8");
  refused(["backup", "-o", "mesh.backup"], /mesh\.backup is there already; another name, or --force/);
  ok(["backup", "-o", "mesh.backup", "--force"]);

  await end(greeter);
  await end(mesh);
  rmSync(home, { recursive: true });
  refused(["restore", "mesh.backup"], /no broker answers .*\n.*Restore the keys first \(--keys-only\)/);
  assert.ok(!existsSync(home), "nothing was changed");
  assert.match(ok(["restore", "mesh.backup", "--keys-only"]), /until then nothing is denied/);
  assert.deepEqual(keysIn(join(home, "keys")), before);
  assert.equal(readFileSync(join(home, "server/accounts.conf"), "utf8"), accounts);

  await up();
  await serve();
  mkdirSync(join(home, "credentials"), { recursive: true });
  copyFileSync(credentials, join(home, "credentials/boss.creds"));
  assert.equal(callAs("guest").code, 0, "no policy yet");
  assert.match(
    ok(["restore", "mesh.backup", "--wait"]),
    /revision 4 holds what revision 3 held \(1 documents\)\nin force at one router/,
  );
  const denied = callAs("guest");
  assert.match(denied.stderr, /PERMISSION_DENIED \(denied\).*only-the-boss/);
  const allowed = callAs("boss");
  assert.equal(allowed.code, 0, allowed.stderr);
  assert.match(ok(["restore", "mesh.backup"]), /revision 4 holds/, "a second time changes nothing");

  ok(["apply", "-f", policy("second", "guest"), "--wait"]);
  assert.equal(callAs("guest").code, 0);
  refused(
    ["restore", "mesh.backup"],
    /revision 5 is in force.*AccessPolicy\/second would be changed or removed. --force/,
  );
  assert.match(ok(["restore", "mesh.backup", "--force", "--wait"]), /revision 6 holds what revision 3 held/);
  assert.match(callAs("guest").stderr, /PERMISSION_DENIED/);

  const twice = new CommandLine({ MALLA_BACKUP_PASSPHRASE: PASSPHRASE });
  try {
    // A home with keys of its own: nothing of it goes without being asked for, and nothing is lost then.
    const other = join(twice.folder, ".malla");
    mkdirSync(other);
    twice.run(["credentials", "issue", "guest", "--role", "guest", "-o", "guest.creds"]);
    const own = keysIn(join(other, "keys"));
    const refusedHere = twice.run(["restore", file, "--keys-only"]);
    assert.equal(refusedHere.code, 1);
    assert.match(
      refusedHere.stderr,
      /has other keys than the backup: keys\/.* and \d+ more\. --force moves them aside/,
    );
    assert.deepEqual(keysIn(join(other, "keys")), own);
    const forced = twice.run(["restore", file, "--keys-only", "--force"]);
    assert.equal(forced.code, 0, forced.stderr);
    assert.deepEqual(keysIn(join(other, "keys")), before);
    const aside = readdirSync(other).find((name) => name.startsWith("keys.replaced-")) as string;
    assert.deepEqual(keysIn(join(other, aside, "keys")), own);
  } finally {
    await twice.close();
  }
});

test("a wrong passphrase, a damaged file, and what is missing are said, and nothing changes", () => {
  const keys = keysIn(join(home, "keys"));
  const sealed = readFileSync(join(line.folder, "mesh.backup"));
  for (const seed of Object.values(keys)) assert.ok(!sealed.includes(seed.trim()), "no seed can be read in it");
  writeFileSync(join(line.folder, "wrong"), "another passphrase\n");
  writeFileSync(join(line.folder, "cut.backup"), sealed.subarray(0, 500));
  const altered = Buffer.from(sealed);
  altered[sealed.length - 20] = (altered[sealed.length - 20] as number) ^ 1;
  writeFileSync(join(line.folder, "altered.backup"), altered);
  refused(["restore", "mesh.backup", "--passphrase-file", "wrong"], /mesh\.backup: the passphrase is not the one/);
  refused(["restore", "cut.backup"], /cut\.backup: it is incomplete: 500 bytes of \d+\. Nothing was changed/);
  refused(["restore", "altered.backup"], /altered\.backup: it was altered or damaged/);
  refused(["restore", "greeter.mjs"], /this is no backup of a mesh/);
  refused(["restore", "nowhere"], /nowhere cannot be read/);
  refused(["restore", "mesh.backup", "--above", "x"], /--above x: a whole number/);
  assert.deepEqual(keysIn(join(home, "keys")), keys);
  const bare = new CommandLine({ MALLA_BACKUP_PASSPHRASE: "short" });
  try {
    assert.match(bare.run(["backup", "-o", "x"]).stderr, /there is no mesh here/);
    mkdirSync(join(bare.folder, ".malla"));
    assert.match(bare.run(["backup", "-o", "x"]).stderr, /there are no keys in .*, so nothing to back up/);
    bare.run(["credentials", "issue", "guest", "--role", "guest", "-o", "guest.creds"]);
    const tooShort = bare.run(["backup", "-o", "x", "--keys-only"]);
    assert.deepEqual([tooShort.code, existsSync(join(bare.folder, "x"))], [2, false]);
    assert.match(tooShort.stderr, /fewer than 12 characters/);
  } finally {
    rmSync(bare.folder, { recursive: true });
  }
});
