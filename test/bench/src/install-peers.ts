// The packages of others, which nothing but the benchmark needs, installed into their own folder when it first runs.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { NotHere } from "./not-here.ts";

const FOLDER = fileURLToPath(new URL("../peers/", import.meta.url));
const STAMP = `${FOLDER}node_modules/.malla-installed`;
const TIMEOUT_MS = 300_000;

/** Throws NotHere if they cannot be installed. */
export async function installPeers(say: (line: string) => void): Promise<void> {
  const wanted = createHash("sha256")
    .update(readFileSync(`${FOLDER}package-lock.json`))
    .digest("hex");
  if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === wanted) return;
  say("installing the packages of the peers");
  try {
    await promisify(execFile)("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
      cwd: FOLDER,
      timeout: TIMEOUT_MS,
    });
  } catch (cause) {
    const [line] = String((cause as { stderr?: string }).stderr ?? cause).split("\n");
    throw new NotHere(`npm could not install the packages of the peers: ${line}`, { cause });
  }
  writeFileSync(STAMP, wanted);
}
