// Every verb of `malla` on a mesh of its own: what it prints, how it fails, its exit codes.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CommandLine, type LongRunning, ROOT } from "./command-line.ts";

const line = new CommandLine();
let mesh: LongRunning;

function write(file: string, text: string): void {
  writeFileSync(join(line.folder, file), text);
}

const POLICY = `apiVersion: malla.dev/v1
kind: AccessPolicy
metadata: { name: only-the-boss }
spec:
  service: greeter
  action: allow
  rules:
    - { principals: [boss] }
`;

before(async () => {
  mesh = line.start(["up", "--routers", "2", "--port", "-1", "--metrics-port", "0"]);
  await mesh.until("The mesh is up");
  write(
    "greeter.mjs",
    `import { connect, MeshError } from ${JSON.stringify(join(ROOT, "sdk/dist/index.js"))};
const mesh = await connect();
await mesh.serve({
  hello: async ({ name }, context) => ({ text: "hello " + name, header: context.headers.get("x-mood") ?? null }),
  refuse: () => { throw new MeshError({ status: "NOT_FOUND", message: "no such thing" }); },
  slow: () => new Promise((resolve) => setTimeout(resolve, 5000)),
});
console.log("serving");
`,
  );
  const greeter = line.start([
    "run",
    "--service",
    "greeter",
    "--service-version",
    "1.2.3",
    "--",
    process.execPath,
    "greeter.mjs",
  ]);
  await greeter.until("serving");
});
after(async () => line.close());

test("bench puts load on a method, counts what failed, and refuses what it cannot do", () => {
  const quick = ["--for", "300ms", "--warm-up", "100ms"];
  const closed = line.run([
    "bench",
    "greeter",
    "hello",
    '{"name":"you"}',
    "--concurrency",
    "4",
    ...quick,
    "-o",
    "json",
  ]);
  assert.equal(closed.code, 0, closed.stderr);
  const { concurrency, calls, failed, callsPerSecond, p50Ms } = JSON.parse(closed.stdout) as Record<string, number>;
  assert.deepEqual([concurrency, failed], [4, 0]);
  assert.ok(Number(calls) > 0 && Number(callsPerSecond) > 0 && Number(p50Ms) > 0, closed.stdout);
  const open = line.run(["bench", "greeter", "hello", "{}", "--rate", "100", ...quick]);
  assert.match(open.stdout, /^CALLS +FAILED +CALLS\/S +P50 MS.*\n\d+ +0 /);
  const refused = line.run(["bench", "greeter", "refuse", ...quick]);
  assert.deepEqual([refused.code, refused.stdout], [1, ""]);
  assert.match(refused.stderr, /the first call failed: NOT_FOUND \(application\): no such thing/);
  for (const [args, message] of [
    [["--rate", "5", "--concurrency", "5"], /give one of them/],
    [["--concurrency", "0"], /--concurrency 0: a whole number from 1 to 10000/],
    [["--for", "soon"], /--for soon: a time as/],
    [["-o", "yaml"], /-o yaml: json is expected/],
  ] as const) {
    const wrong = line.run(["bench", "greeter", "hello", "{}", ...args]);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, message);
  }
});

test("call prints replies, errors and exit codes", () => {
  const ok = line.run(["call", "greeter", "hello", '{"name":"you"}', "-H", "x-mood=good"]);
  assert.deepEqual([ok.code, JSON.parse(ok.stdout)], [0, { text: "hello you", header: "good" }]);
  assert.deepEqual(JSON.parse(line.run(["call", "greeter", "hello", "-"], '{"name":"pipe"}').stdout), {
    text: "hello pipe",
    header: null,
  });
  const refused = line.run(["call", "greeter", "refuse"]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /NOT_FOUND \(application\): no such thing/);
  const late = line.run(["call", "greeter", "slow", "--timeout", "300ms", "-o", "json"]);
  assert.equal((JSON.parse(late.stdout) as { error: { reason: string } }).error.reason, "deadline");
  assert.match(line.run(["call", "greeter", "nothing"]).stderr, /UNIMPLEMENTED \(no-method\)/);
  assert.match(line.run(["call", "nobody", "hello"]).stderr, /UNIMPLEMENTED \(no-service\)/);
  for (const wrong of [
    ["call", "greeter", "hello", "{nonsense"],
    ["call", "GREETER", "hello"],
    ["call", "greeter"],
    ["frobnicate"],
    ["call", "greeter", "hello", "-H", "x"],
  ]) {
    const { code, stderr } = line.run(wrong);
    assert.equal(code, 2, `${wrong.join(" ")}: ${stderr}`);
    assert.doesNotMatch(stderr, /\n\s+at /, "no stack");
  }
  const unknown = line.run(["call", "greeter", "hello", "--as", "stranger"]);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /malla credentials issue stranger/);
});

test("services, check and version see the mesh", () => {
  const services = JSON.parse(line.run(["services", "-o", "json"]).stdout) as {
    services: { name: string; versions: string[]; access: string }[];
  };
  assert.deepEqual(
    services.services.map(({ name, versions, access }) => ({ name, versions, access })),
    [{ name: "greeter", versions: ["1.2.3"], access: "open" }],
  );
  assert.match(line.run(["services", "-o", "wide"]).stdout, /greeter {2,}\S+ {2,}1\.2\.3 {2,}sdk/);
  const check = line.run(["check"]);
  assert.equal(check.code, 0, check.stdout);
  assert.match(check.stdout, /! access: open to everybody: greeter/);
  assert.match(line.run(["version"]).stdout, /nats-server \d+\.\d+\.\d+/);
  assert.equal(line.run(["services", "-n", "elsewhere"]).code, 1);
  assert.equal(line.run(["services", "-o", "xml"]).code, 2);
});

test("apply is all or nothing; get, describe, diff, delete and rollback follow it", () => {
  write("policy.yaml", POLICY);
  assert.equal(line.run(["diff", "-f", "policy.yaml"]).code, 1, "something would change");
  const dry = line.run(["apply", "-f", "policy.yaml", "--dry-run"]);
  assert.equal(dry.code, 0);
  assert.equal(line.run(["get", "all"]).stdout.trim(), "there are none");
  const applied = line.run(["apply", "-f", "policy.yaml", "--wait"]);
  assert.match(applied.stdout, /AccessPolicy\/only-the-boss created\nrevision 1\nin force at all 2 routers/);
  const denied = line.run(["call", "greeter", "hello", "{}"]);
  assert.equal(denied.code, 1);
  assert.match(denied.stderr, /PERMISSION_DENIED \(denied\): guest may not call greeter\.hello: .*only-the-boss/);

  write(
    "broken.yaml",
    `${POLICY}---\napiVersion: malla.dev/v1\nkind: Route\nmetadata: { name: r }\nspec:\n  match: { service: greeter }\n  destinations:\n    - { versoin: "1.x" }\n`,
  );
  const broken = line.run(["apply", "-f", "broken.yaml"]);
  assert.equal(broken.code, 1);
  assert.match(broken.stderr, /broken\.yaml:16:9: Route\/r spec\.destinations\[0\]\.versoin: .*did you mean "version"/);
  write(
    "unsafe.yaml",
    "apiVersion: malla.dev/v1\nkind: Route\nmetadata: { name: r }\nspec:\n  match:\n    service: greeter\n    headers:\n      x-a: { regex: '\\bword' }\n",
  );
  const unsafe = line.run(["apply", "-f", "unsafe.yaml"]);
  assert.equal(unsafe.code, 1);
  assert.match(unsafe.stderr, /unsafe\.yaml:8:\d+: Route\/r/);

  assert.match(line.run(["get", "accesspolicies"]).stdout, /only-the-boss +greeter +allow +enforce/);
  assert.match(line.run(["get", "accesspolicy", "only-the-boss", "-o", "yaml"]).stdout, /principals:\s+- boss/);
  assert.match(line.run(["describe", "accesspolicy", "only-the-boss"]).stdout, /since revision 1 by/);
  assert.equal(line.run(["diff", "-f", "policy.yaml"]).code, 0);
  assert.equal(line.run(["get", "nonsense"]).code, 2);
  assert.match(line.run(["delete", "accesspolicy", "only-the-boss", "--wait"]).stdout, /deleted\nrevision 2\nin force/);
  assert.equal(line.run(["call", "greeter", "hello", "{}"]).code, 0);
  assert.equal(line.run(["delete", "accesspolicy", "only-the-boss"]).code, 1);
  assert.match(line.run(["rollback", "1", "--wait"]).stdout, /revision 3 holds what revision 1 held/);
  assert.equal(line.run(["call", "greeter", "hello", "{}"]).code, 1);
  assert.match(line.run(["rollback", "--list"]).stdout, /3 .*rollback to 1/);
  assert.equal(line.run(["delete", "-f", "policy.yaml", "--wait"]).code, 0);
});

test("credentials are issued, listed and refused", () => {
  assert.equal(line.run(["credentials", "issue", "boss", "--role", "service", "-o", "boss.creds"]).code, 0);
  assert.equal(statSync(join(line.folder, "boss.creds")).mode & 0o777, 0o600);
  const refused = line.run(["credentials", "issue", "mesh", "--role", "service", "-o", "mesh.creds"]);
  assert.equal(refused.code, 2);
  assert.equal(existsSync(join(line.folder, "mesh.creds")), false);
  assert.equal(line.run(["credentials", "issue", "x", "--role", "king", "-o", "x.creds"]).code, 2);
  const listed = line.run(["credentials", "list"]).stdout;
  assert.match(listed, /guest\.creds +guest +guest +MESH/);
  assert.doesNotMatch(listed, /SU[A-Z2-7]{20}/, "no seed is ever printed");
});

test("generate, init and completion write what can be used", () => {
  const proto = join(ROOT, "services/shop/protos/payments.proto");
  assert.equal(line.run(["generate", proto, "-o", "contracts"]).code, 0);
  assert.match(readFileSync(join(line.folder, "contracts/payments.ts"), "utf8"), /export interface ChargeRequest/);
  assert.equal(line.run(["init", "starter"]).code, 0);
  assert.equal(line.run(["init", "starter"]).code, 1, "nothing is overwritten");
  assert.equal(line.run(["diff", "-f", "starter/policy.yaml"]).code, 1, "the starter's policy is valid and new");
  for (const shell of ["bash", "zsh", "fish"]) assert.match(line.run(["completion", shell]).stdout, /rollback/);
  assert.equal(line.run(["completion", "csh"]).code, 2);
});

test("run passes on the exit code and the environment of a service", () => {
  const print =
    "console.log(JSON.stringify([process.env.MALLA_SERVICE, process.env.MALLA_VERSION, process.env.NATS_URL, process.env.NATS_CREDS])); process.exit(7)";
  const { code, stdout } = line.run([
    "run",
    "--service",
    "printer",
    "--service-version",
    "3.2.1",
    "--",
    process.execPath,
    "-e",
    print,
  ]);
  assert.equal(code, 7);
  const [service, version, url, credentials] = JSON.parse(stdout) as string[];
  assert.deepEqual([service, version], ["printer", "3.2.1"]);
  assert.match(url ?? "", /^nats:\/\/127\.0\.0\.1:\d+$/);
  assert.equal(statSync(credentials ?? "").mode & 0o777, 0o600);
  assert.equal(line.run(["run", "--service", "printer", "--", "no-such-program"]).code, 1);
  assert.equal(line.run(["run", "--", "node"]).code, 2, "--service is needed");
  assert.equal(line.run(["run", "--service", "mesh", "--", "node"]).code, 2, "a reserved name");
});

test("get -w tells what changes; documents are named by kind and name in one word too", async () => {
  write("policy.yaml", POLICY);
  const watching = line.start(["get", "accesspolicies", "-w"]);
  await watching.until("there are none");
  const applied = line.run(["apply", "-f", "-", "-o", "json"], POLICY);
  const { documents } = JSON.parse(applied.stdout) as { revision: number; documents: readonly object[] };
  assert.deepEqual(documents, [{ document: "AccessPolicy/only-the-boss", outcome: "created" }]);
  await watching.until("+ AccessPolicy/only-the-boss");
  assert.match(line.run(["describe", "accesspolicy/only-the-boss"]).stdout, /^Instances: +greeter: \S+ 1\.2\.3$/m);
  const changed = POLICY.replace("boss]", "boss, guest]");
  const { changes } = JSON.parse(line.run(["diff", "-f", "-", "-o", "json"], changed).stdout) as {
    changes: readonly { fields: readonly object[] }[];
  };
  assert.deepEqual(changes[0]?.fields, [
    { path: "spec.rules[0].principals", before: ["boss"], after: ["boss", "guest"] },
  ]);
  assert.equal(line.run(["delete", "accesspolicy/only-the-boss"]).code, 0);
  await watching.until("- AccessPolicy/only-the-boss");
  assert.equal(line.run(["get", "all", "-w", "-o", "json"]).code, 2);
});

test("a starter written by init runs as its README says", async () => {
  assert.equal(line.run(["init", "hello-world"]).code, 0);
  const folder = join(line.folder, "hello-world");
  const installed = spawnSync("npm", ["install", "--offline", "--no-audit", "--no-fund"], {
    cwd: folder,
    encoding: "utf8",
  });
  assert.equal(installed.status, 0, installed.stderr);
  const service = line.start([
    "run",
    "--service",
    "hello-world",
    "--",
    process.execPath,
    join(folder, "hello-world.js"),
  ]);
  await service.until("serving hello-world.hello");
  const { code, stdout, stderr } = line.run(["call", "hello-world", "hello", '{"name":"you"}']);
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), { text: "Hello you, you are guest" });
  service.child.kill("SIGTERM");
  assert.equal((await service.ended).code, 128 + 15, "it drains, and then ends as the signal says");
});

test("every verb has help with an example", () => {
  const verbs = [...line.run(["--help"]).stdout.matchAll(/^ {2}([a-z]+) /gm)]
    .map(([, verb]) => verb as string)
    .filter((verb) => verb !== "help");
  assert.ok(verbs.length >= 17, verbs.join(" "));
  for (const verb of verbs.filter((name) => name !== "credentials")) {
    const { code, stdout } = line.run([verb, "--help"]);
    assert.equal(code, 0);
    assert.match(stdout, /Example:/, verb);
  }
});

test("a second mesh in the same home is refused, and the first is unharmed", () => {
  const second = line.run(["up", "--port", "-1"]);
  assert.equal(second.code, 1);
  assert.match(second.stderr, /a mesh runs here already/);
  assert.equal(line.run(["check"]).code, 0);
});
