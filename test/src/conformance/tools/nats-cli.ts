// The `nats` command line, built from its Go module.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { runTool, runWell, type ToolOptions, type ToolResult } from "./run-tool.ts";
import { cachedTool, ToolMissing } from "./tool-cache.ts";

const VERSION = "0.5.1";
const MODULE = "github.com/nats-io/natscli/nats";
const BUILD_TIMEOUT_MS = 300_000;

export class NatsCli {
  readonly #program: string;
  readonly #server: string;
  readonly #home: string;

  private constructor(program: string, server: string, home: string) {
    this.#program = program;
    this.#server = server;
    this.#home = home;
  }

  /** Builds it if need be. `home` keeps it away from contexts of whoever runs the tests. Throws ToolMissing without Go. */
  static async find(server: string, home: string): Promise<NatsCli> {
    const folder = await cachedTool("nats-cli", VERSION, async (draft) => {
      const go = await runTool("go", ["version"]);
      if (go.code !== 0)
        throw new ToolMissing("the nats command line cannot be built: there is no Go (https://go.dev/dl)");
      await runWell("go", ["install", `${MODULE}@v${VERSION}`], { env: { GOBIN: draft }, timeoutMs: BUILD_TIMEOUT_MS });
    });
    await mkdir(home, { recursive: true });
    return new NatsCli(join(folder, "nats"), server, home);
  }

  /** `nats --server … --creds … --inbox-prefix … <args>`; whatever its exit code is. */
  async run(
    credentials: string,
    inboxPrefix: string,
    args: readonly string[],
    options: ToolOptions = {},
  ): Promise<ToolResult> {
    const global = ["--server", this.#server, "--creds", credentials, "--inbox-prefix", inboxPrefix];
    return await runTool(this.#program, [...global, ...args], this.#options(options));
  }

  /** Why a file is not what a schema wants; undefined if it is. The tool itself ends with 0 in both cases. */
  async schemaProblem(schema: string, file: string): Promise<string | undefined> {
    const said = await runWell(this.#program, ["schema", "validate", schema, file], this.#options({}));
    return /validates against/.test(said) ? undefined : said;
  }

  #options(options: ToolOptions): ToolOptions {
    return { ...options, env: { HOME: this.#home, XDG_CONFIG_HOME: this.#home, NO_COLOR: "1", ...options.env } };
  }
}
