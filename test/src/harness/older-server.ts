// A nats-server of an older line than the pinned one, for upgrades: from the cache, else built from its Go module.
import { execFile } from "node:child_process";
import { access, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { serverCacheFolder } from "@malla/broker-config";

/** The floor of the line before the pinned one. */
export const OLDER_VERSION = "2.14.5";
const BUILD_TIMEOUT_MS = 180_000;

/** Its path, or why there is none. */
export async function findOlderServer(): Promise<{ readonly path: string } | { readonly missing: string }> {
  const folder = join(serverCacheFolder(), OLDER_VERSION);
  const path = join(folder, "nats-server");
  if (
    await access(path).then(
      () => true,
      () => false,
    )
  )
    return { path };
  await mkdir(folder, { recursive: true });
  // Two tests that build it at once each put a whole program there.
  const draft = await mkdtemp(join(folder, "draft-"));
  try {
    await promisify(execFile)("go", ["install", "-trimpath", `github.com/nats-io/nats-server/v2@v${OLDER_VERSION}`], {
      cwd: draft,
      timeout: BUILD_TIMEOUT_MS,
      env: { ...process.env, GOBIN: draft, CGO_ENABLED: "0" },
    });
    await rename(join(draft, "nats-server"), path);
    return { path };
  } catch (error) {
    const [line] = (error as Error).message.split("\n");
    return { missing: `no nats-server ${OLDER_VERSION}: it is not in ${folder}, and building it failed (${line})` };
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
