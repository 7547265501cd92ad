// The image: its Dockerfile is linted, its steps are run into empty folders, and what would be in the image starts with nothing
// but that and as the image's user.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, lstatSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { tableBelow } from "../harness/table-below.ts";
import { buildContext, isSent, readDockerignore } from "./image/build-context.ts";
import { lintDockerfile } from "./image/lint-dockerfile.ts";
import { readDockerfile } from "./image/read-dockerfile.ts";
import { type RanStage, runDockerfile } from "./image/run-dockerfile.ts";

const ROOT = join(import.meta.dirname, "../../..");
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const stages = readDockerfile(read("broker-config/kubernetes/Dockerfile"));
const context = buildContext(ROOT, read(".dockerignore"));
/** A program that is configured wrongly says so and ends. */
const START_MS = 30_000;
/** Of the folder, in MiB: it is 72, and a forgotten development dependency is more than the rest. */
const MAX_MIB = 110;

const folder = mkdtempSync(join(tmpdir(), "malla-image-"));
after(() => rmSync(folder, { recursive: true, force: true }));

let image: RanStage;
let files: readonly string[];
before(() => {
  // Another user must be able to reach what is in it.
  chmodSync(folder, 0o755);
  image = runDockerfile(stages, { folder, root: ROOT, context, node: realpathSync(process.execPath) });
  rmSync(join(folder, "build"), { recursive: true });
  files = readdirSync(image.folder, { recursive: true, encoding: "utf8" });
});

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/**
 * Runs `node ARGS` with no environment but the image's own: as root may, with nothing but the image's files and as its user; else
 * from its folder.
 */
function start(...args: readonly string[]): Ended {
  const [uid, gid] = image.user.split(":");
  const program = join("usr/local/bin", image.entrypoint[0] as string);
  const inside = [
    "--root",
    image.folder,
    "--wd",
    image.workdir,
    "--setgid",
    `${gid}`,
    "--setuid",
    `${uid}`,
    `/${program}`,
  ];
  const [command, ...first] = process.getuid?.() === 0 ? ["unshare", ...inside] : [join(image.folder, program)];
  const { status, stdout, stderr, error } = spawnSync(command as string, [...first, ...args], {
    cwd: join(image.folder, image.workdir),
    env: { PATH: process.env["PATH"] ?? "", ...image.env },
    encoding: "utf8",
    timeout: START_MS,
  });
  assert.equal(error, undefined, String(error));
  return { code: status, output: `${stdout}${stderr}` };
}

const inImage = (pattern: RegExp): readonly string[] => files.filter((path) => pattern.test(path));

test("the Dockerfile is as it should be, and its Node is the checkout's", () => {
  assert.deepEqual(lintDockerfile(stages), []);
  const lock = JSON.parse(read("package-lock.json")) as { packages: Record<string, { version: string }> };
  assert.ok(stages[0]?.image.startsWith(`node:${lock.packages["node_modules/node"]?.version}-`), stages[0]?.image);
  assert.deepEqual([image.env["NODE_ENV"], image.workdir, image.entrypoint], ["production", "/malla", ["node"]]);
});

test("the builder is sent sources, and no keys, tests, history or anything built here", () => {
  for (const path of [
    "package.json",
    "sdk/src/index.ts",
    "sdk/proto/google/api/http.proto",
    "broker-config/server/limits.conf",
  ])
    assert.ok(context.includes(path), path);
  assert.deepEqual(
    context.filter((path) => /\.test\.|(^|\/)(dist|node_modules|\.malla|\.git|\.ci|test)(\/|$)/.test(path)),
    [],
  );
  const patterns = readDockerignore(read(".dockerignore"));
  for (const path of [
    ".malla/keys/operator.nk",
    "services/x/.malla/keys/policy.nk",
    ".git/config",
    "sdk/dist/a.js",
    "x.backup",
    "sdk/x.test.ts",
  ])
    assert.ok(!isSent(path, patterns), path);
});

test("every workspace's manifest is there before the packages are installed", () => {
  const copied = stages[0]?.instructions.flatMap(({ keyword, text }) => (keyword === "COPY" ? text.split(/\s+/) : []));
  const manifests = context.filter((path) => /(^|\/)package\.json$/.test(path));
  assert.deepEqual(
    manifests.filter((path) => copied?.includes(path) !== true),
    [],
  );
});

test("programs and what they read are in it, and nothing else", () => {
  for (const path of [
    "broker-config/server/streams.json",
    "sdk/proto/google/protobuf/any.proto",
    "services/shop/protos/payments.proto",
    "services/shop/policies/routes.yaml",
  ])
    assert.ok(files.includes(join("malla", path)), path);
  const ours = inImage(/^malla\/(?!.*node_modules)/);
  assert.deepEqual(
    ours.filter((path) => /\.(ts|map|tsbuildinfo)$|\.test\.|\/(src|docs)$|\.malla|\.nk$|\.creds$/.test(path)),
    [],
  );
  assert.deepEqual(inImage(/node_modules\/(typescript|@biomejs|oxlint|fast-check|publint|node)$/), []);
  const bytes = files.reduce((sum, path) => sum + lstatSync(join(image.folder, path)).size, 0);
  const nodeBytes = statSync(join(image.folder, "usr/local/bin/node")).size;
  assert.ok(bytes - nodeBytes < MAX_MIB * 1024 * 1024, `${Math.round((bytes - nodeBytes) / 1024 / 1024)} MiB`);
  const wrong = files.filter((path) => {
    const { mode } = lstatSync(join(image.folder, path));
    return !lstatSync(join(image.folder, path)).isSymbolicLink() && ((mode & 0o044) !== 0o044 || (mode & 0o022) !== 0);
  });
  assert.deepEqual(wrong, [], "everybody may read, only the owner write");
});

test("every program starts as the image's user, and says what it lacks", () => {
  const programs = inImage(
    /^malla\/(router\/dist|services\/shop\/dist\/[a-z]+|services\/platform\/[a-z]+\/dist(\/bootstrap)?)\/main\.js$/,
  ).map((path) => path.slice("malla/".length));
  for (const expected of [
    "router/dist/main.js",
    "services/platform/cli/dist/main.js",
    "services/shop/dist/catalog/main.js",
  ])
    assert.ok(programs.includes(expected), `${expected} is in ${programs.join(", ")}`);
  for (const program of programs) {
    const { code, output } = start(program);
    assert.ok(
      code === 1 || code === 2 || /\nUsage: malla/.test(`\n${output}`),
      `${program} ended with ${code}: ${output}`,
    );
    assert.doesNotMatch(
      output,
      /ERR_MODULE_NOT_FOUND|ERR_PACKAGE_PATH|Cannot find (module|package)|SyntaxError/,
      program,
    );
    assert.notEqual(output, "", program);
  }
  assert.match(start("router/dist/main.js").output, /the router cannot start:\n- no signer/);
  assert.match(start("services/platform/cli/dist/main.js", "version").output, /malla +\d/);
});

test("the programs that the docs name are in it", () => {
  const rows = tableBelow(read("broker-config/docs/kubernetes.md"), "Programs of the image");
  const named = rows.flatMap(([, args]) =>
    [...(args ?? "").matchAll(/`(\S+\.js)`/g)].map(([, path]) => path as string),
  );
  assert.ok(named.length >= 5, named.join(", "));
  for (const path of named) {
    const file = new RegExp(`^malla/${path.replaceAll(".", "\\.").replace("<service>", "[a-z]+")}$`);
    assert.notDeepEqual(inImage(file), [], path);
  }
});

test("every entry of every package can be imported from what is in it", () => {
  const names = inImage(/^malla\/(sdk|router|broker-config|services\/shop|services\/platform\/[a-z]+)\/package\.json$/);
  assert.ok(names.length >= 6);
  const entries = names.flatMap((path) => {
    const { name, exports } = JSON.parse(readFileSync(join(image.folder, path), "utf8")) as {
      name: string;
      exports: Record<string, unknown>;
    };
    // A program of its own is started above.
    return Object.keys(exports)
      .filter((entry) => entry !== "./package.json" && entry !== "./main")
      .map((entry) => join(name, entry));
  });
  const script = `for (const entry of ${JSON.stringify(entries)}) await import(entry); console.log("all");`;
  const { code, output } = start("--input-type=module", "-e", script);
  assert.deepEqual([code, output], [0, "all\n"]);
});
