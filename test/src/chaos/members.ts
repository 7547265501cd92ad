// The processes of a chaos run that live and die: each is started again when it ends, until it is told to end for good.
import { type ChildProgram, type ProgramEnd, startProgram } from "../harness/child-program.ts";

export type MemberKind = "router" | "instance" | "caller";

export interface MemberSpec {
  readonly kind: MemberKind;
  /** Members of one group stand in for each other: a service's instances, all routers, all callers. */
  readonly group: string;
  readonly name: string;
  readonly module: string;
  /** On which host it runs; see `startProgram`. */
  readonly within?: readonly string[];
  /** Asked for at each start, with how many starts there were before. */
  readonly environment: (generation: number) => Readonly<Record<string, string>>;
}

/** Of what members wrote to stderr, kept for whoever asks why. */
const KEPT_LINES = 400;

export class Member {
  readonly spec: MemberSpec;
  readonly #log: (line: string) => void;
  #program: ChildProgram<unknown> | undefined;
  #generation = 0;
  #ending = false;
  #frozen = false;
  /** Resolves when the present start, or the last one, is ready. */
  #starting: Promise<void> = Promise.resolve();

  constructor(spec: MemberSpec, log: (line: string) => void) {
    this.spec = spec;
    this.#log = log;
  }

  /** Whether it runs and takes calls: only such a one may be hit. */
  get ready(): boolean {
    return this.#program?.running === true && !this.#frozen && !this.#ending;
  }

  get pid(): number {
    return this.#program?.pid ?? 0;
  }

  get stderr(): string {
    return this.#program?.stderr ?? "";
  }

  async start(): Promise<void> {
    this.#starting = this.#launch();
    await this.#starting;
  }

  async #launch(): Promise<void> {
    const { module, environment, name, within = [] } = this.spec;
    const program = await startProgram<unknown>(module, environment(this.#generation++), { built: true, within });
    this.#program = program;
    void program.ended.then((end) => this.#ended(end));
    if (this.#ending) program.tell("stop");
    this.#log(`${name} is ready (process ${program.pid})`);
  }

  #ended({ code, signal }: ProgramEnd): void {
    this.#frozen = false;
    if (this.#ending) return;
    this.#log(`${this.spec.name} ended (${signal ?? `code ${code}`})`);
    this.#starting = this.#launch().catch((error: unknown) => this.#log(`${this.spec.name}: ${String(error)}`));
  }

  tell(line: string): void {
    if (this.#program?.running === true) this.#program.tell(line);
  }

  async kill(): Promise<void> {
    await this.#program?.end("SIGKILL");
  }

  /** SIGTERM: it drains, ends, and another takes its place. Resolves when that one is ready. Throws if it did not end well. */
  async replace(): Promise<void> {
    const end = await this.#program?.end("SIGTERM");
    if (end !== undefined && end.code !== 0 && end.signal !== "SIGTERM")
      throw new Error(`${this.spec.name} ended with ${end.code ?? end.signal}:\n${this.stderr}`);
    await this.#starting;
  }

  freeze(): void {
    if (this.#program?.running !== true) return;
    this.#frozen = true;
    process.kill(this.#program.pid, "SIGSTOP");
  }

  thaw(): void {
    this.#frozen = false;
    if (this.#program?.running === true) process.kill(this.#program.pid, "SIGCONT");
  }

  /** Ends it for good: a caller when its calls have ended, everybody else at once. */
  async end(): Promise<void> {
    this.#ending = true;
    await this.#starting.catch(() => undefined);
    const program = this.#program;
    if (program === undefined || !program.running) return;
    if (this.#frozen) process.kill(program.pid, "SIGCONT");
    if (this.spec.kind === "caller") {
      program.tell("stop");
      await program.ended;
    } else await program.end("SIGKILL");
  }
}

/** Lines of a run, the last ones kept. */
export class EventLog {
  readonly #startedAtMs = performance.now();
  readonly #print: ((line: string) => void) | undefined;
  readonly lines: string[] = [];

  constructor(print?: (line: string) => void) {
    this.#print = print;
  }

  readonly add = (text: string): void => {
    const line = `${((performance.now() - this.#startedAtMs) / 1000).toFixed(2).padStart(8)} s  ${text}`;
    this.lines.push(line);
    if (this.lines.length > KEPT_LINES) this.lines.shift();
    this.#print?.(line);
  };
}
