// Makes a fresh clone ready to run: npm packages, Node 24, compiled programs. Plain JavaScript without dependencies, since
// it runs before there are any; on any Node from 20.19. Says what it does on stderr, so that stdout stays the command's.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../../../..");
const stamp = join(root, "node_modules/.malla-installed");
const node = join(root, "node_modules/.bin/node");
const MIN_NODE_MAJOR = 24;

function say(line) {
  process.stderr.write(`malla: ${line}\n`);
}

function fail(line) {
  say(line);
  process.exit(1);
}

function run(command, args, what) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (error !== undefined || status !== 0)
    return `${what} failed${error === undefined ? ` with exit code ${status}` : `: ${error.message}`}`;
  return undefined;
}

/** What the installed packages must match: the lock file and every package.json. */
function wanted() {
  const hash = createHash("sha256");
  for (const file of [
    "package-lock.json",
    "package.json",
    "sdk/package.json",
    "broker-config/package.json",
    "router/package.json",
    "services/platform/cli/package.json",
    "services/shop/package.json",
    "test/package.json",
  ]) {
    if (existsSync(join(root, file))) hash.update(readFileSync(join(root, file)));
  }
  return hash.digest("hex");
}

function nodeMajor() {
  if (!existsSync(node)) return 0;
  const { stdout } = spawnSync(node, ["--version"], { encoding: "utf8" });
  return Number(/^v(\d+)/.exec(stdout ?? "")?.[1] ?? 0);
}

function install() {
  const hash = wanted();
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return;
  say("installing npm packages (once, about a minute)");
  // Not `npm ci`: it refuses a lock file that lacks optional binaries of other platforms, which npm leaves out by itself where
  // a registry does not hold them. Versions come from the lock file all the same, and --no-save leaves it as it is.
  const problem = run("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"], "npm install");
  if (problem !== undefined)
    fail(`${problem}. Is the npm registry reachable? Try \`npm install\` by hand to see more.`);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, hash);
}

function ensureNode() {
  if (nodeMajor() >= MIN_NODE_MAJOR) return;
  // Its install script brings the binary; npm may have been told to ignore scripts.
  say(`bringing Node ${MIN_NODE_MAJOR} into the project`);
  run("npm", ["rebuild", "node", "--foreground-scripts", "--ignore-scripts=false"], "npm rebuild node");
  if (nodeMajor() < MIN_NODE_MAJOR) {
    fail(
      `Node ${MIN_NODE_MAJOR} could not be brought into the project. Run \`npm rebuild node --ignore-scripts=false\`, or install Node ${MIN_NODE_MAJOR} and try again.`,
    );
  }
}

function build() {
  const problem = run(node, [join(root, "node_modules/typescript/bin/tsc"), "-b"], "compiling");
  if (problem !== undefined) fail(`${problem}; the messages above say where`);
}

install();
ensureNode();
build();
