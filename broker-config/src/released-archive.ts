// Downloads the released archive of nats-server and checks it against the release's own list of SHA-256 sums. Both come
// from the same host over TLS: that guards against a damaged or truncated download, not against a hostile host.
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { untarFile } from "./untar.ts";

const RELEASES = "https://github.com/nats-io/nats-server/releases/download";
/** A machine without a network must not wait long for the next way. */
const ANSWER_TIMEOUT_MS = 5_000;
const DOWNLOAD_TIMEOUT_MS = 120_000;
const MAX_ARCHIVE_BYTES = 100 * 1024 * 1024;

const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: "amd64",
  arm64: "arm64",
  arm: "arm7",
  ia32: "386",
  s390x: "s390x",
  ppc64: "ppc64le",
};
const PLATFORMS: ReadonlySet<string> = new Set(["linux", "darwin", "freebsd"]);

export interface ReleaseOptions {
  readonly version: string;
  /** As `process.platform` and `process.arch`. */
  readonly platform: string;
  readonly arch: string;
  readonly progress: (line: string) => void;
  readonly fetch: typeof fetch;
  /** How long the first answer may take. Default: 5 s. */
  readonly answerTimeoutMs?: number;
}

/** The name of the archive for a machine, or undefined where none is released as tar.gz. */
export function archiveName(version: string, platform: string, arch: string): string | undefined {
  const architecture = ARCHITECTURES[arch];
  if (architecture === undefined || !PLATFORMS.has(platform)) return undefined;
  return `nats-server-v${version}-${platform}-${architecture}.tar.gz`;
}

/** The bytes of the released program. Throws, saying why, if they cannot be had or do not have the listed sum. */
export async function downloadRelease(options: ReleaseOptions): Promise<Uint8Array> {
  const archive = archiveName(options.version, options.platform, options.arch);
  if (archive === undefined) throw new Error(`no archive is released for ${options.platform} on ${options.arch}`);
  const folder = `${RELEASES}/v${options.version}`;
  const sums = new TextDecoder().decode(await download(`${folder}/SHA256SUMS`, options));
  const expected = sumOf(sums, archive);
  if (expected === undefined) throw new Error(`SHA256SUMS of ${options.version} does not list ${archive}`);
  options.progress(`downloading nats-server ${options.version} (${archive})`);
  const bytes = await download(`${folder}/${archive}`, options);
  const actual = createHash("sha256").update(bytes).digest("hex");
  if (actual !== expected) throw new Error(`${archive} has SHA-256 ${actual}, but ${expected} is listed: not used`);
  const program = untarFile(gunzipSync(bytes), "nats-server");
  if (program === undefined) throw new Error(`${archive} holds no nats-server`);
  return program;
}

function sumOf(sums: string, archive: string): string | undefined {
  const line = sums
    .split("\n")
    .map((text) => text.trim().split(/\s+/))
    .find((parts) => parts[1]?.replace(/^\*/, "") === archive);
  return /^[0-9a-f]{64}$/i.test(line?.[0] ?? "") ? line?.[0]?.toLowerCase() : undefined;
}

async function download(url: string, options: ReleaseOptions): Promise<Uint8Array> {
  const impatient = new AbortController();
  const timer = setTimeout(() => impatient.abort(), options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS);
  try {
    const signal = AbortSignal.any([impatient.signal, AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS)]);
    const response = await options.fetch(url, { signal, redirect: "follow" });
    clearTimeout(timer);
    if (!response.ok) throw new Error(`${url} answers ${response.status}`);
    return await readCapped(response, url);
  } catch (error) {
    if (impatient.signal.aborted)
      throw new Error(
        `${new URL(url).host} did not answer within ${(options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS) / 1000} s`,
      );
    const cause = (error as Error).cause;
    throw cause instanceof Error ? new Error(`${new URL(url).host}: ${cause.message}`, { cause }) : error;
  } finally {
    clearTimeout(timer);
  }
}

async function readCapped(response: Response, url: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of response.body ?? []) {
    total += chunk.length;
    if (total > MAX_ARCHIVE_BYTES) throw new Error(`${url} is larger than ${MAX_ARCHIVE_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
