// Runs the steps of a Dockerfile without a container engine: each stage is a folder that stands for its file system.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Instruction, Stage } from "./read-dockerfile.ts";

/** What matters of the images that stages start from: a Node, or nothing. The last stage's has no shell. */
const NODE_IMAGE = /^node:/;
/** Of npm's own environment these say where packages come from; the rest is of the run that started this one. */
const KEPT_NPM = /^npm_config_(registry|cache|userconfig|globalconfig|proxy|https_proxy|cafile|offline)$/i;

export interface RunOptions {
  /** An empty folder; each stage gets one below it. */
  readonly folder: string;
  /** The checkout, and its files that a builder would be sent. */
  readonly root: string;
  readonly context: readonly string[];
  /** A Node as the image of the first stage brings it. */
  readonly node: string;
}

export interface RanStage {
  readonly folder: string;
  readonly workdir: string;
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Runs all steps and returns the last stage. Throws, with what was printed, for a step that fails or cannot be run here. */
export function runDockerfile(stages: readonly Stage[], options: RunOptions): RanStage {
  const folders = new Map<string, string>();
  let last: RanStage | undefined;
  for (const stage of stages) {
    const folder = join(options.folder, stage.name);
    mkdirSync(folder, { recursive: true });
    if (NODE_IMAGE.test(stage.image)) copy(options.node, join(folder, "usr/local/bin/node"));
    last = runStage(stage, folder, folders, options);
    folders.set(stage.name, folder);
  }
  if (last === undefined) throw new Error("there is no stage");
  return last;
}

function runStage(stage: Stage, folder: string, earlier: ReadonlyMap<string, string>, options: RunOptions): RanStage {
  let state: RanStage = { folder, workdir: "/", user: "0", entrypoint: [], env: {} };
  for (const instruction of stage.instructions) {
    const { keyword, text, line } = instruction;
    switch (keyword) {
      case "WORKDIR":
        state = { ...state, workdir: text };
        mkdirSync(join(folder, text), { recursive: true });
        break;
      case "COPY":
        copyStep(instruction, state, earlier, options);
        break;
      case "RUN":
        runStep(text, state);
        break;
      case "ENV":
        state = { ...state, env: { ...state.env, ...readPairs(text) } };
        break;
      case "USER":
        state = { ...state, user: text };
        break;
      case "ENTRYPOINT":
        state = { ...state, entrypoint: JSON.parse(text) as string[] };
        break;
      case "LABEL":
        break;
      default:
        throw new Error(`line ${line}: ${keyword} cannot be run here`);
    }
  }
  return state;
}

function copyStep(
  { flags, text, line }: Instruction,
  { folder, workdir }: RanStage,
  earlier: ReadonlyMap<string, string>,
  { root, context }: RunOptions,
): void {
  const words = text.split(/\s+/);
  const target = words.at(-1) as string;
  const base = target.startsWith("/") ? join(folder, target) : join(folder, workdir, target);
  for (const source of words.slice(0, -1)) {
    if (flags["from"] !== undefined) {
      copy(join(earlier.get(flags["from"]) as string, source), base);
      continue;
    }
    const prefix = source === "." ? "" : `${source}/`;
    const files = context.filter((path) => path === source || path.startsWith(prefix));
    if (files.length === 0) throw new Error(`line ${line}: COPY ${source}: the builder is not sent any such file`);
    for (const file of files) {
      const rest = file === source ? (target.endsWith("/") ? basename(file) : "") : file.slice(prefix.length);
      copy(join(root, file), join(base, rest));
    }
  }
}

/** What is there stays, as in an image. */
function copy(from: string, to: string): void {
  if (!existsSync(from)) throw new Error(`${from} is not there to be copied`);
  mkdirSync(statSync(from).isDirectory() ? to : dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
}

function runStep(command: string, { folder, workdir, env }: RanStage): void {
  const inherited = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name) || KEPT_NPM.test(name));
  const { status, stdout, stderr } = spawnSync("sh", ["-c", command], {
    cwd: join(folder, workdir),
    env: {
      ...Object.fromEntries(inherited),
      NODE_OPTIONS: "",
      ...env,
      PATH: `${join(folder, "usr/local/bin")}:${process.env["PATH"] ?? ""}`,
    },
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`RUN ${command}\nended with ${status}:\n${stdout}${stderr}`);
}

function readPairs(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name, value]));
}
