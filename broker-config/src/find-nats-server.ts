// Finds a nats-server that is good enough, or fetches the pinned one: MALLA_NATS_SERVER or the cache, PATH, the released
// archive, a build of its Go module, Debian's package as the last resort.
import { access, chmod, constants, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { withLock } from "./cache-lock.ts";
import { isAtFloor, PINNED_VERSION, readVersion, VERSION_FLOORS } from "./nats-server-version.ts";
import { downloadRelease } from "./released-archive.ts";
import { type CommandOptions, type CommandResult, runCommand } from "./run-command.ts";

const MODULE = "github.com/nats-io/nats-server/v2";
const VERSION_TIMEOUT_MS = 10_000;
const BUILD_TIMEOUT_MS = 600_000;
const PACKAGE_TIMEOUT_MS = 60_000;
const DRAFT_PREFIX = "draft-";
const HEARTBEAT_MS = 5_000;
/** Where Debian's package puts the server; it is not on everybody's PATH. */
const SYSTEM_FOLDERS = ["/usr/sbin", "/usr/local/sbin"];

export type ServerSource = "environment" | "cache" | "path" | "archive" | "module" | "debian";

export interface FoundServer {
  readonly path: string;
  readonly version: string;
  readonly source: ServerSource;
  /** Set if the version is below the floor: what that means, to be shown loudly. */
  readonly warning: string | undefined;
}

export interface FindOptions {
  /** Told what takes time, a line at a time. Default: nobody. */
  readonly progress?: (line: string) => void;
  /** Default: `process.env`. Read: MALLA_NATS_SERVER, PATH, XDG_CACHE_HOME. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly platform?: string;
  readonly arch?: string;
  readonly fetch?: typeof fetch;
  /** Runs programs; for tests. */
  readonly run?: (program: string, args: readonly string[], options: CommandOptions) => Promise<CommandResult>;
}

type Surroundings = Required<FindOptions> & { readonly cache: string; readonly tried: string[] };

/** Where the pinned server is kept once it has been fetched. */
export function serverCacheFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const cache = env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache");
  return join(cache, "malla", "nats-server");
}

/**
 * Returns a nats-server at or above the floor, fetching the pinned version into the cache if there is none; below the
 * floor only what MALLA_NATS_SERVER names or, when all else fails, a system's own, with a warning. Throws an error that
 * lists all that was tried and what to do. Any number of processes may ask at once: one fetches.
 */
export async function findNatsServer(options: FindOptions = {}): Promise<FoundServer> {
  const env = options.env ?? process.env;
  const around: Surroundings = {
    progress: options.progress ?? (() => undefined),
    env,
    platform: options.platform ?? process.platform,
    arch: options.arch ?? process.arch,
    fetch: options.fetch ?? globalThis.fetch,
    run: options.run ?? runCommand,
    cache: serverCacheFolder(env),
    tried: [],
  };
  const present = (await fromEnvironment(around)) ?? (await fromCache(around)) ?? (await fromPath(around));
  if (present !== undefined) return present;
  await mkdir(around.cache, { recursive: true });
  const waiting = (owner: string): void =>
    around.progress(`waiting for process ${owner}, which fetches nats-server ${PINNED_VERSION}`);
  return await withLock(join(around.cache, `${PINNED_VERSION}.lock`), waiting, async () => {
    await sweepDrafts(around.cache);
    const found =
      (await fromCache(around)) ??
      (await fromArchive(around)) ??
      (await fromModule(around)) ??
      (await fromSystem(around));
    if (found !== undefined) return found;
    throw notFound(around);
  });
}

function cachedPath(around: Surroundings): string {
  return join(around.cache, PINNED_VERSION, "nats-server");
}

/** An explicit choice is taken or refused, never passed over. */
async function fromEnvironment(around: Surroundings): Promise<FoundServer | undefined> {
  const path = around.env.MALLA_NATS_SERVER;
  if (path === undefined || path === "") return undefined;
  const version = await versionOf(path, around);
  if (version === undefined)
    throw new Error(`MALLA_NATS_SERVER is ${path}, but that is no nats-server that runs here; correct it or unset it`);
  return found(path, version, "environment");
}

async function fromCache(around: Surroundings): Promise<FoundServer | undefined> {
  const path = cachedPath(around);
  if (!(await isExecutable(path))) {
    note(around, `cache: nothing at ${path}`);
    return undefined;
  }
  const version = await versionOf(path, around);
  if (version === PINNED_VERSION) return found(path, version, "cache");
  note(around, `cache: ${path} does not run as ${PINNED_VERSION}`);
  return undefined;
}

async function fromPath(around: Surroundings): Promise<FoundServer | undefined> {
  for (const path of await onPath(around)) {
    const version = await versionOf(path, around);
    if (version !== undefined && isAtFloor(version)) return found(path, version, "path");
    note(
      around,
      `PATH: ${path} is ${version ?? "not a nats-server that runs"}, needed is ${VERSION_FLOORS.join(" or ")} and later`,
    );
  }
  note(around, "PATH: no other nats-server");
  return undefined;
}

async function fromArchive(around: Surroundings): Promise<FoundServer | undefined> {
  try {
    around.progress(`looking for the released nats-server ${PINNED_VERSION}`);
    const program = await downloadRelease({ ...around, version: PINNED_VERSION });
    return await intoCache(around, "archive", async (folder) => await writeFile(join(folder, "nats-server"), program));
  } catch (error) {
    return failed(around, "released archive", error);
  }
}

async function fromModule(around: Surroundings): Promise<FoundServer | undefined> {
  const go = await around.run("go", ["version"], { timeoutMs: VERSION_TIMEOUT_MS, env: { ...around.env } });
  if (go.code !== 0) {
    note(around, "go install: there is no Go here");
    return undefined;
  }
  const began = performance.now();
  const report = (): void =>
    around.progress(
      `building nats-server ${PINNED_VERSION} from its Go module: ${Math.round((performance.now() - began) / 1000)} s`,
    );
  report();
  const heartbeat = setInterval(report, HEARTBEAT_MS);
  try {
    return await intoCache(around, "module", async (folder) => {
      const env = { ...around.env, GOBIN: folder, CGO_ENABLED: "0" };
      const args = ["install", "-trimpath", `${MODULE}@v${PINNED_VERSION}`];
      const built = await around.run("go", args, { timeoutMs: BUILD_TIMEOUT_MS, cwd: folder, env });
      if (built.code !== 0) throw new Error(lastLine(built.output) ?? "it failed without a word");
    });
  } catch (error) {
    return failed(around, "go install", error);
  } finally {
    clearInterval(heartbeat);
  }
}

/** Whatever the system has, below the floor as it is; else Debian's package, unpacked without being installed. */
async function fromSystem(around: Surroundings): Promise<FoundServer | undefined> {
  const folders = SYSTEM_FOLDERS.map((folder) => join(folder, "nats-server"));
  for (const path of [...(await onPath(around)), ...folders]) {
    const version = await versionOf(path, around);
    if (version !== undefined) return found(path, version, "debian");
  }
  const unpacked = join(around.cache, "debian", "usr", "sbin", "nats-server");
  if (!(await isExecutable(unpacked)) && !(await unpackDebian(around))) return undefined;
  const version = await versionOf(unpacked, around);
  if (version !== undefined) return found(unpacked, version, "debian");
  note(around, `Debian package: ${unpacked} does not run`);
  return undefined;
}

async function unpackDebian(around: Surroundings): Promise<boolean> {
  around.progress("fetching nats-server from Debian's package, which is older than it should be");
  const folder = await mkdtemp(join(around.cache, DRAFT_PREFIX));
  const options = { timeoutMs: PACKAGE_TIMEOUT_MS, cwd: folder, env: { ...around.env } };
  try {
    const script = "apt-get download nats-server && dpkg-deb -x nats-server_*.deb unpacked";
    const fetched = await around.run("sh", ["-c", script], options);
    if (fetched.code !== 0) throw new Error(lastLine(fetched.output) ?? "it failed without a word");
    await rm(join(around.cache, "debian"), { recursive: true, force: true });
    await rename(join(folder, "unpacked"), join(around.cache, "debian"));
    return true;
  } catch (error) {
    failed(around, "Debian package", error);
    return false;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What a process that was killed while it held the lock has left behind. */
async function sweepDrafts(cache: string): Promise<void> {
  const drafts = (await readdir(cache)).filter((name) => name.startsWith(DRAFT_PREFIX));
  await Promise.all(drafts.map(async (name) => await rm(join(cache, name), { recursive: true, force: true })));
}

/** Makes the program in a folder beside the cache, tries it, and only then gives it its place. */
async function intoCache(
  around: Surroundings,
  source: ServerSource,
  make: (folder: string) => Promise<void>,
): Promise<FoundServer> {
  const folder = await mkdtemp(join(around.cache, DRAFT_PREFIX));
  try {
    await make(folder);
    const draft = join(folder, "nats-server");
    await chmod(draft, 0o755);
    const version = await versionOf(draft, around);
    if (version !== PINNED_VERSION) throw new Error(`what was fetched does not run as ${PINNED_VERSION}`);
    await mkdir(join(around.cache, PINNED_VERSION), { recursive: true });
    await rename(draft, cachedPath(around));
    around.progress(`nats-server ${PINNED_VERSION} is at ${cachedPath(around)}`);
    return found(cachedPath(around), version, source);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function found(path: string, version: string, source: ServerSource): FoundServer {
  const warning = isAtFloor(version)
    ? undefined
    : `WARNING: nats-server ${version} at ${path} is below ${VERSION_FLOORS.join(" and ")}: it is slower, lacks settings this mesh relies on, and is not fit for production. Install ${PINNED_VERSION} and set MALLA_NATS_SERVER.`;
  return { path, version, source, warning };
}

async function versionOf(path: string, around: Surroundings): Promise<string | undefined> {
  if (!(await isExecutable(path))) return undefined;
  const result = await around.run(path, ["--version"], { timeoutMs: VERSION_TIMEOUT_MS });
  return result.code === 0 ? readVersion(result.output) : undefined;
}

async function onPath(around: Surroundings): Promise<string[]> {
  const folders = (around.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  const paths = [...new Set(folders)].map((folder) => join(folder, "nats-server"));
  const executable = await Promise.all(paths.map(isExecutable));
  return paths.filter((_, index) => executable[index]);
}

async function isExecutable(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function lastLine(output: string): string | undefined {
  return output.trim().split("\n").at(-1) || undefined;
}

/** A way that was tried in earnest and failed: said at once, and again if all fail. */
function failed(around: Surroundings, way: string, error: unknown): undefined {
  const line = `${way}: ${(error as Error).message}`;
  around.progress(line);
  note(around, line);
}

function note(around: Surroundings, line: string): void {
  if (!around.tried.includes(line)) around.tried.push(line);
}

function notFound(around: Surroundings): Error {
  return new Error(
    [
      `no nats-server could be found or fetched. Tried:`,
      ...around.tried.map((line) => `  - ${line}`),
      `Do one of these: install nats-server ${PINNED_VERSION} and put it on PATH; or set MALLA_NATS_SERVER to it; or install Go and run this again with a network.`,
    ].join("\n"),
  );
}
