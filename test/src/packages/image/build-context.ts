// The files an image is built from: those of the checkout that .dockerignore lets through.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

interface Pattern {
  readonly regex: RegExp;
  readonly lets: boolean;
}

/** Paths below `root` that the builder would be sent, of those that git knows or would add. */
export function buildContext(root: string, dockerignore: string): readonly string[] {
  const { stdout, status } = spawnSync("git", ["ls-files", "-co", "--exclude-standard", "-z"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error("git does not list the files of the checkout");
  const patterns = readDockerignore(dockerignore);
  return stdout.split("\0").filter((path) => path !== "" && isSent(path, patterns) && existsSync(join(root, path)));
}

export function readDockerignore(text: string): readonly Pattern[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => ({ regex: regexOf(line.replace(/^!/, "")), lets: line.startsWith("!") }));
}

/** As the builder matches, not as a shell does: a name may start with a dot. */
function regexOf(glob: string): RegExp {
  const parts = glob.split(/(\*\*\/|\*)/).map((part) => {
    if (part === "**/") return "(?:.*/)?";
    return part === "*" ? "[^/]*" : part.replace(/[^\w]/g, "\\$&");
  });
  return new RegExp(`^${parts.join("")}$`);
}

/** The last pattern that fits a path, or a folder above it, decides. */
export function isSent(path: string, patterns: readonly Pattern[]): boolean {
  const parts = path.split("/");
  const prefixes = parts.map((_, index) => parts.slice(0, index + 1).join("/"));
  const deciding = patterns.findLast(({ regex }) => prefixes.some((prefix) => regex.test(prefix)));
  return deciding?.lets ?? true;
}
