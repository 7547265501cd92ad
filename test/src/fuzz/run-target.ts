// The loop: an input is made, fed, judged; what gave a shape not met before is kept and mutated further.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { seededRandom } from "@malla/sdk/testing";
import { printInput, showInput } from "./input-text.ts";
import { Mutator } from "./mutate.ts";
import type { FuzzTarget, Input, Random, RunningTarget } from "./target.ts";
import type { Watchdog } from "./watchdog.ts";

export interface RunOptions {
  readonly inputs: number;
  readonly seed: number;
  readonly watchdog?: Watchdog;
}

/** One promise that was broken, with the input that broke it. */
export interface Finding {
  readonly target: string;
  readonly what: string;
  readonly input: Input;
  /** Which input of the run it was, from 0; those before it matter to a target that remembers. */
  readonly index: number;
}

export interface TargetReport {
  readonly target: string;
  readonly inputs: number;
  readonly accepted: number;
  /** Shapes met, and so inputs kept. */
  readonly shapes: number;
  readonly longestBytes: number;
  readonly slowestMs: number;
  readonly heapGrowthBytes: number;
  readonly durationMs: number;
  readonly findings: readonly Finding[];
}

const DEFAULT_BOUND_MS = 1_000;
const DEFAULT_HEAP_BYTES = 64 * 1024 * 1024;
/** Kept inputs; a shape beyond takes the place of an older one. */
const MAX_POOL = 2_000;
/** Longer ones are not kept: the next million would be made of them. */
const MAX_KEPT_BYTES = 8 * 1024;
/** What a target calls a shape may hold text of the input; beyond so many there is nothing new to learn. */
const MAX_SHAPE_LENGTH = 100;
const MAX_SHAPES = 20_000;
/** After so many findings a target is given up: they will have one cause. */
const MAX_FINDINGS = 10;
/** The heap is measured from here on, when what is made once has been made. */
const WARM_INPUTS = 500;
/** What one input may take from the heap for each of its bytes, and beside it; only long inputs are measured. */
const HEAP_PER_BYTE = 400;
const HEAP_BESIDE_BYTES = 48 * 1024 * 1024;
const MEASURED_FROM_BYTES = 16 * 1024;

/** Runs a target. Never rejects for what an input does: that is a finding. */
export async function runTarget(target: FuzzTarget, options: RunOptions): Promise<TargetReport> {
  const running = await target.open();
  try {
    return await new TargetRun(target, running, options).run();
  } finally {
    await running.close?.();
  }
}

/** Feeds one input to a target of its own; returns its shape, or throws what it breaks. */
export async function replay(target: FuzzTarget, input: Input): Promise<string> {
  const running = await target.open();
  try {
    const shape = await running.run(input);
    await running.finish?.();
    return shape;
  } finally {
    await running.close?.();
  }
}

/** How a finding is told: what, where, and how to see it again. */
export function printFinding({ target, what, input, index }: Finding, seed: number): string {
  return [
    `${target}: ${what}`,
    `  input ${index} of seed ${seed}: ${showInput(input)}`,
    `  npm run fuzz -- --replay ${target}:${printInput(input)}`,
  ].join("\n");
}

class TargetRun {
  readonly #target: FuzzTarget;
  readonly #running: RunningTarget;
  readonly #options: RunOptions;
  readonly #random: Random;
  readonly #mutator: Mutator;
  readonly #generate: ((random: Random) => Input) | undefined;
  readonly #pool: Input[];
  readonly #shapes = new Set<string>();
  readonly #findings: Finding[] = [];
  readonly #told = new Set<string>();
  #accepted = 0;
  #slowestMs = 0;
  #longestBytes = 0;

  constructor(target: FuzzTarget, running: RunningTarget, options: RunOptions) {
    this.#target = target;
    this.#running = running;
    this.#options = options;
    this.#random = seededRandom(options.seed ^ hashOf(target.name));
    this.#mutator = new Mutator(this.#random, target.words, target.maxBytes);
    this.#generate = target.generator?.();
    this.#pool = [...target.seeds];
  }

  async run(): Promise<TargetReport> {
    const { inputs } = this.#options;
    const startedAtMs = performance.now();
    let warmBytes: number | undefined;
    let index = 0;
    // It would end a process of the mesh.
    const onRejection = (thrown: unknown): void => this.#find([], index, `unhandled rejection: ${stackOf(thrown)}`);
    process.on("unhandledRejection", onRejection);
    for (; index < inputs && this.#findings.length < MAX_FINDINGS; index++) {
      if (index === WARM_INPUTS) warmBytes = heapAfterCollection();
      // The valid ones first: a corpus that is refused proves nothing.
      const input = index < this.#target.seeds.length ? (this.#target.seeds[index] as Input) : this.#next();
      await this.#feed(input, index);
    }
    await this.#guarded([], index, async () => await this.#running.finish?.());
    process.off("unhandledRejection", onRejection);
    const heapGrowthBytes = warmBytes === undefined ? 0 : heapAfterCollection() - warmBytes;
    const mayGrowBytes = this.#target.heapBytes ?? DEFAULT_HEAP_BYTES;
    if (heapGrowthBytes > mayGrowBytes)
      this.#find([], index, `the heap grew by ${heapGrowthBytes} bytes, ${mayGrowBytes} are its bound`);
    return {
      target: this.#target.name,
      inputs: index,
      accepted: this.#accepted,
      shapes: this.#shapes.size,
      longestBytes: this.#longestBytes,
      slowestMs: Math.round(this.#slowestMs),
      heapGrowthBytes,
      durationMs: Math.round(performance.now() - startedAtMs),
      findings: this.#findings,
    };
  }

  #next(): Input {
    if (this.#generate !== undefined && this.#random() < 1 / 3) {
      const made = this.#generate(this.#random);
      return this.#random() < 1 / 2 ? made : this.#mutator.mutate(made, this.#pool);
    }
    // Kept inputs are many and mostly broken already: a third begin as valid ones.
    const from = this.#random() < 1 / 3 ? this.#target.seeds : this.#pool;
    return this.#mutator.mutate(this.#mutator.pick(from), this.#pool);
  }

  async #feed(input: Input, index: number): Promise<void> {
    const { watchdog } = this.#options;
    const bytes = input.reduce((sum, part) => sum + part.length, 0);
    this.#longestBytes = Math.max(this.#longestBytes, bytes);
    watchdog?.begin(this.#target.name, input);
    const before = bytes >= MEASURED_FROM_BYTES ? heapNow() : undefined;
    const startedAtMs = performance.now();
    await this.#guarded(input, index, async () => {
      const answer = this.#running.run(input);
      const shape = typeof answer === "string" ? answer : await answer;
      if (shape.startsWith("ok")) this.#accepted++;
      this.#keep(shape, input, bytes);
    });
    const tookMs = performance.now() - startedAtMs;
    if (before !== undefined) this.#judgeHeap(input, index, bytes, heapNow() - before);
    if (tookMs > this.#slowestMs) this.#slowestMs = tookMs;
    if (tookMs > (this.#target.boundMs ?? DEFAULT_BOUND_MS)) await this.#judgeTime(input, index);
    watchdog?.end();
  }

  #keep(given: string, input: Input, bytes: number): void {
    const shape = given.slice(0, MAX_SHAPE_LENGTH);
    if (this.#shapes.has(shape) || this.#shapes.size >= MAX_SHAPES) return;
    this.#shapes.add(shape);
    if (bytes > MAX_KEPT_BYTES) return;
    // A view would keep what it was cut from.
    const own = input.map((part) => Uint8Array.from(part));
    if (this.#pool.length < MAX_POOL) this.#pool.push(own);
    else this.#pool[this.#mutator.below(MAX_POOL)] = own;
  }

  /** A machine that is busy makes anything slow: only what needs the CPU so long each time again is a finding. */
  async #judgeTime(input: Input, index: number): Promise<void> {
    const boundMs = this.#target.boundMs ?? DEFAULT_BOUND_MS;
    let leastMs = Number.POSITIVE_INFINITY;
    for (let time = 0; time < 3; time++) {
      const before = process.threadCpuUsage();
      await this.#guarded(input, index, async () => void (await this.#running.run(input)));
      const used = process.threadCpuUsage(before);
      leastMs = Math.min(leastMs, (used.user + used.system) / 1_000);
    }
    if (leastMs > boundMs) this.#find(input, index, `takes ${Math.round(leastMs)} ms of CPU, ${boundMs} are its bound`);
  }

  #judgeHeap(input: Input, index: number, bytes: number, taken: number): void {
    const boundBytes = bytes * HEAP_PER_BYTE + HEAP_BESIDE_BYTES;
    if (taken > boundBytes) this.#find(input, index, `${bytes} bytes took ${taken} bytes of the heap`);
  }

  async #guarded(input: Input, index: number, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      this.#find(input, index, stackOf(thrown));
    }
  }

  /** Each kind once: what differs in numbers or quoted text is one kind. */
  #find(input: Input, index: number, what: string): void {
    const kind = what
      .split("\n", 2)
      .join("\n")
      .replace(/\d+/g, "#")
      .replace(/"(?:[^"\\]|\\.)*"/g, '"…"');
    if (this.#told.has(kind)) return;
    this.#told.add(kind);
    this.#findings.push({ target: this.#target.name, what, input: input.map((part) => Uint8Array.from(part)), index });
  }
}

function stackOf(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
}

/** FNV-1a: each target draws numbers of its own from one seed. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

function heapNow(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function heapAfterCollection(): number {
  collect();
  collect();
  return heapNow();
}
