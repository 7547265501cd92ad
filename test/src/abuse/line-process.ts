// A program of this folder that is spoken to by lines, one answer each.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";

export class LineProcess {
  readonly #child;
  readonly #lines: Interface;

  /** Runs `<module>.ts` with the Node and conditions of this process. */
  constructor(module: string, environment: Readonly<Record<string, string>> = {}) {
    const path = fileURLToPath(new URL(`${module}.ts`, import.meta.url));
    const conditions = process.execArgv.filter((argument) => argument.startsWith("--conditions"));
    this.#child = spawn(process.execPath, [...conditions, path], {
      env: { ...process.env, ...environment },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#lines = createInterface({ input: this.#child.stdout });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** Its next line. */
  async hear(): Promise<string> {
    const [line] = (await once(this.#lines, "line")) as [string];
    return line;
  }

  tell(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  async stop(): Promise<void> {
    const gone = once(this.#child, "close");
    this.#child.stdin.end();
    await gone;
    this.#lines.close();
    this.#child.stdout.destroy();
  }
}
