import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { type FindOptions, findNatsServer } from "./find-nats-server.ts";
import { isAtFloor, PINNED_VERSION, readVersion } from "./nats-server-version.ts";
import { archiveName, downloadRelease } from "./released-archive.ts";
import type { CommandResult } from "./run-command.ts";
import { untarFile } from "./untar.ts";

const NOTHING: CommandResult = { code: undefined, output: "not found" };

interface Machine {
  readonly folder: string;
  readonly options: FindOptions & { env: Record<string, string> };
  readonly lines: string[];
}

/** A machine in a folder: what programs print is by path, and there is no network unless a test gives one. */
async function machine(
  context: TestContext,
  programs: Record<string, CommandResult | ((env: NodeJS.ProcessEnv) => Promise<CommandResult>)> = {},
): Promise<Machine> {
  const folder = await mkdtemp(join(tmpdir(), "malla-find-"));
  context.after(() => rm(folder, { recursive: true, force: true }));
  const lines: string[] = [];
  const options: Machine["options"] = {
    env: { PATH: join(folder, "bin"), XDG_CACHE_HOME: join(folder, "cache") },
    platform: "linux",
    arch: "x64",
    progress: (line) => lines.push(line),
    fetch: async () => Promise.reject(new TypeError("fetch failed", { cause: new Error("no network") })),
    run: async (program, args, { env }) => {
      const name = program.startsWith(folder) ? program.slice(folder.length + 1) : `${program} ${args[0]}`;
      const known = programs[name] ?? programs[name.replace(/draft-[^/]+/, "draft")];
      return typeof known === "function" ? await known(env ?? {}) : (known ?? NOTHING);
    },
  };
  return { folder, options, lines };
}

async function place(path: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, "program");
  await chmod(path, 0o755);
  return path;
}

const prints = (version: string): CommandResult => ({ code: 0, output: `nats-server: v${version}\n` });
const CACHED = `cache/malla/nats-server/${PINNED_VERSION}/nats-server`;
const DRAFT = "cache/malla/nats-server/draft/nats-server";

test("floors hold within their lines", () => {
  const cases: [string, boolean][] = [
    ["2.15.2", true],
    ["2.15.0-RC.1", true],
    ["2.14.5", true],
    ["2.14.4", false],
    ["2.14.5-RC.1", false],
    ["2.13.9", false],
    ["2.12.15", true],
    ["2.12.14", false],
    ["2.11.99", false],
    ["2.9.10", false],
    ["3.0.0", true],
    ["1.4.1", false],
    ["nonsense", false],
  ];
  for (const [version, good] of cases) assert.equal(isAtFloor(version), good, version);
  assert.equal(readVersion("nats-server: v2.15.2\n"), "2.15.2");
  assert.equal(readVersion("bash: nats-server"), undefined);
});

test("what MALLA_NATS_SERVER names is taken, even below the floor, or refused", async (context) => {
  const { folder, options } = await machine(context, { "own/nats-server": prints("2.9.10") });
  options.env.MALLA_NATS_SERVER = await place(join(folder, "own/nats-server"));
  const found = await findNatsServer(options);
  assert.equal(found.source, "environment");
  assert.match(found.warning ?? "", /WARNING.*2\.9\.10/);
  options.env.MALLA_NATS_SERVER = join(folder, "missing");
  await assert.rejects(findNatsServer(options), /MALLA_NATS_SERVER/);
});

test("the cache comes before PATH, and PATH only at the floor", async (context) => {
  const { folder, options } = await machine(context, {
    [CACHED]: prints(PINNED_VERSION),
    "bin/nats-server": prints("2.14.5"),
  });
  await place(join(folder, "bin/nats-server"));
  assert.deepEqual(await findNatsServer(options), {
    path: join(folder, "bin/nats-server"),
    version: "2.14.5",
    source: "path",
    warning: undefined,
  });
  await place(join(folder, CACHED));
  assert.equal((await findNatsServer(options)).source, "cache");
});

test("a build by Go goes through a draft into the cache, once for all who ask", async (context) => {
  let builds = 0;
  const { folder, options, lines } = await machine(context, {
    "bin/nats-server": prints("2.9.10"),
    "go version": { code: 0, output: "go version go1.26" },
    "go install": async (env) => {
      builds++;
      await place(join(env.GOBIN ?? "", "nats-server"));
      return { code: 0, output: "" };
    },
    [DRAFT]: prints(PINNED_VERSION),
    [CACHED]: prints(PINNED_VERSION),
  });
  await place(join(folder, "bin/nats-server"));
  const found = await Promise.all([findNatsServer(options), findNatsServer(options)]);
  assert.deepEqual(
    found.map(({ path }) => path),
    [join(folder, CACHED), join(folder, CACHED)],
  );
  assert.equal(builds, 1);
  assert.deepEqual(await readdir(join(folder, "cache/malla/nats-server")), [PINNED_VERSION]);
  assert.ok(lines.some((line) => /no network/.test(line)) && lines.some((line) => /building/.test(line)));
});

test("a build that is not what it should be does not reach the cache; the system's own is the last resort", async (context) => {
  const { folder, options } = await machine(context, {
    "bin/nats-server": prints("2.9.10"),
    "go version": { code: 0, output: "" },
    "go install": async (env) => {
      await place(join(env.GOBIN ?? "", "nats-server"));
      return { code: 0, output: "" };
    },
    [DRAFT]: prints("2.15.1"),
  });
  await place(join(folder, "bin/nats-server"));
  const found = await findNatsServer(options);
  assert.equal(found.source, "debian");
  assert.match(found.warning ?? "", /not fit for production/);
  assert.deepEqual(await readdir(join(folder, "cache/malla/nats-server")), []);
});

test("with nothing at all, the error lists every way and what to do", async (context) => {
  const { options } = await machine(context, { "sh -c": { code: 1, output: "E: no package" } });
  await assert.rejects(findNatsServer(options), (error: Error) => {
    for (const way of [
      /cache:/,
      /PATH:/,
      /released archive: .*no network/,
      /go install: there is no Go/,
      /Debian package: E: no package/,
      /set MALLA_NATS_SERVER/,
    ])
      assert.match(error.message, way);
    return true;
  });
});

test("an abandoned lock does not stop the next", async (context) => {
  const { folder, options } = await machine(context, {
    [DRAFT]: prints(PINNED_VERSION),
    "sh -c": { code: 1, output: "no" },
  });
  const lock = join(folder, `cache/malla/nats-server/${PINNED_VERSION}.lock`);
  await mkdir(lock, { recursive: true });
  await writeFile(join(lock, "pid"), "2147483646");
  await assert.rejects(findNatsServer(options), /no nats-server could be found/);
});

function tar(name: string, content: Uint8Array): Buffer {
  const head = Buffer.alloc(512);
  head.write(name, 0);
  head.write(content.length.toString(8).padStart(11, "0"), 124);
  head.write("0", 156);
  return Buffer.concat([head, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

const PROGRAM = new TextEncoder().encode("the program");
const ARCHIVE = archiveName("9.9.9", "linux", "x64") as string;
const PACKED = gzipSync(
  Buffer.concat([tar("x/README.md", new Uint8Array(700)), tar("x/nats-server", PROGRAM), Buffer.alloc(1024)]),
);
const SUM = createHash("sha256").update(PACKED).digest("hex");

function release(sums: string, archive: Uint8Array, status = 200): typeof fetch {
  return (async (url: string) =>
    new Response(url.endsWith("SHA256SUMS") ? sums : Buffer.from(archive), { status })) as typeof fetch;
}

test("a released archive is unpacked if its sum is the listed one", async () => {
  const options = { version: "9.9.9", platform: "linux", arch: "x64", progress: () => undefined };
  const sums = `${"0".repeat(64)}  other.tar.gz\n${SUM}  ${ARCHIVE}\n`;
  assert.deepEqual(
    Buffer.from(await downloadRelease({ ...options, fetch: release(sums, PACKED) })),
    Buffer.from(PROGRAM),
  );
  const damaged = PACKED.subarray(0, -1);
  await assert.rejects(downloadRelease({ ...options, fetch: release(sums, damaged) }), /not used/);
  await assert.rejects(downloadRelease({ ...options, fetch: release("", PACKED) }), /does not list/);
  await assert.rejects(downloadRelease({ ...options, fetch: release(sums, PACKED, 404) }), /answers 404/);
  await assert.rejects(
    downloadRelease({ ...options, platform: "win32", fetch: release(sums, PACKED) }),
    /no archive is released/,
  );
});

test("a host that does not answer is given up soon", async () => {
  const silent = ((_: string, { signal }: RequestInit) =>
    new Promise((_resolve, reject) =>
      signal?.addEventListener("abort", () => reject(new Error("aborted"))),
    )) as typeof fetch;
  const options = {
    version: "9.9.9",
    platform: "linux",
    arch: "x64",
    progress: () => undefined,
    fetch: silent,
    answerTimeoutMs: 5,
  };
  await assert.rejects(downloadRelease(options), /did not answer within/);
});

test("an archive that is cut off or none at all is refused", () => {
  assert.throws(() => untarFile(tar("nats-server", PROGRAM).subarray(0, 515), "nats-server"), /cut off/);
  assert.throws(() => untarFile(new Uint8Array(1024).fill(65), "nats-server"), /no tar archive/);
  assert.equal(untarFile(new Uint8Array(1024), "nats-server"), undefined);
});
