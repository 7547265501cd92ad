// What the bootstrap decides by: whether the installed packages are those the checkout asks for, and whether a Node is new
// enough. Values in, answers out, so that it can be tested without installing anything.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const MIN_NODE_MAJOR = 24;

/** Paths, below the root, of every file that says what must be installed: the lock file and all package.json. */
export function manifests(root) {
  const { workspaces = [] } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const folders = workspaces.flatMap((pattern) =>
    pattern.endsWith("/*") ? childrenOf(root, pattern.slice(0, -2)) : [pattern],
  );
  const files = ["package.json", "package-lock.json", ...folders.sort().map((folder) => `${folder}/package.json`)];
  return files.filter((file) => existsSync(join(root, file)));
}

function childrenOf(root, folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${folder}/${entry.name}`);
}

/** Changes whenever any of these files does. Names count, so that a package that moves is another package. */
export function fingerprint(root) {
  const hash = createHash("sha256");
  for (const file of manifests(root))
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update("\0");
  return hash.digest("hex");
}

/** Why packages must be installed; undefined if they need not be. `stamp` is what the last install left behind. */
export function whyInstall(root, stamp) {
  if (!existsSync(join(root, "node_modules"))) return "there are none yet";
  if (stamp === undefined) return "the last install did not end";
  return stamp === fingerprint(root) ? undefined : "package.json or the lock file has changed";
}

/** Major version in what `node --version` prints; 0 if it printed something else. */
export function majorOf(output) {
  return Number(/^v(\d+)\./.exec(output ?? "")?.[1] ?? 0);
}

/** Whether npm failed because it could not reach its registry. */
export function isOffline(output) {
  return /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED|ERR_SOCKET_TIMEOUT)\b/.test(
    output,
  );
}
