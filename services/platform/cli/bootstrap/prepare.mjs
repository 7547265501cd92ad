// Makes a fresh clone ready to run: npm packages, Node 24, compiled programs. Plain JavaScript without dependencies, since
// it runs before there are any; on any Node from 20.19. Says what it does on stderr, so that stdout stays the command's.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { fingerprint, isOffline, MIN_NODE_MAJOR, majorOf, whyInstall } from "./installed.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../../../..");
const stampFile = join(root, "node_modules/.malla-installed");
const node = join(root, "node_modules/.bin/node");

function say(line) {
  process.stderr.write(`malla: ${line}\n`);
}

function fail(line) {
  say(line);
  process.exit(1);
}

/** Runs a program to its end. What it prints goes to stderr, and is returned if it failed; undefined if it did not. */
function failureOf(program, args) {
  const shell = process.platform === "win32";
  const { status, error, stdout, stderr } = spawnSync(program, args, {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    shell,
  });
  if (error === undefined && status === 0) return undefined;
  const output = `${stdout ?? ""}${stderr ?? ""}${error === undefined ? "" : `${error.message}\n`}`;
  process.stderr.write(output);
  return output === "" ? `exit code ${status}` : output;
}

function install() {
  const stamp = existsSync(stampFile) ? readFileSync(stampFile, "utf8") : undefined;
  const why = whyInstall(root, stamp);
  if (why === undefined) return;
  say(`installing npm packages, about a minute (${why})`);
  rmSync(stampFile, { force: true });
  // Not `npm ci`: it refuses a lock file that lacks optional binaries of other platforms, which npm leaves out by itself where
  // a registry does not hold them. Versions come from the lock file all the same, and --no-save leaves it as it is.
  const failure = failureOf("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"]);
  if (failure !== undefined) {
    fail(
      isOffline(failure)
        ? "the npm registry cannot be reached, and the packages of this checkout are not all here. Connect to a network, or set npm's `registry` or `proxy`, and try again."
        : "npm install failed; its messages are above. `npm install` by hand shows more.",
    );
  }
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, fingerprint(root));
}

function nodeMajor() {
  return existsSync(node) ? majorOf(spawnSync(node, ["--version"], { encoding: "utf8" }).stdout) : 0;
}

function ensureNode() {
  if (nodeMajor() >= MIN_NODE_MAJOR) return;
  // Its install script brings the binary; npm may have been told to ignore scripts.
  say(`bringing Node ${MIN_NODE_MAJOR} into the project`);
  failureOf("npm", ["rebuild", "node", "--foreground-scripts", "--ignore-scripts=false"]);
  if (nodeMajor() >= MIN_NODE_MAJOR) return;
  fail(
    `Node ${MIN_NODE_MAJOR} could not be brought into the project. Run \`npm rebuild node --ignore-scripts=false\`, or install Node ${MIN_NODE_MAJOR} and try again.`,
  );
}

/** Takes a tenth of a second when nothing has changed. */
function build() {
  if (!existsSync(join(root, "sdk/dist/.tsbuildinfo"))) say("compiling");
  const failure = failureOf(node, [join(root, "node_modules/typescript/bin/tsc"), "-b", "--pretty", "false"]);
  if (failure !== undefined) fail("the programs do not compile; the messages above say where");
}

install();
ensureNode();
build();
