// `malla init`: a first service that runs.
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { isIssuableName } from "@malla/sdk/contract";
import type { Command } from "commander";
import { Failure, misuse } from "../failure.ts";
import { sdkDependency, starterFiles } from "../starter.ts";
import { example } from "./verb.ts";

export function addInit(program: Command): void {
  const command = program
    .command("init")
    .description("write a starter service into a folder: program, policy, package.json, README")
    .argument("[folder]", "default: this one", ".")
    .option("--service <name>", "name of the service (default: the folder's)");
  example(command, "malla init greeter");
  command.action(async (folder: string, flags: { readonly service?: string }) => {
    const target = resolve(folder);
    const service = flags.service ?? basename(target).toLowerCase();
    if (!isIssuableName(service, "service")) {
      throw misuse(`${service} can be no service name: a DNS label is expected; --service gives another`);
    }
    const files = starterFiles(service, sdkDependency());
    const taken = Object.keys(files).filter((file) => existsSync(join(target, file)));
    if (taken.length > 0) throw new Failure(`${taken.join(", ")} is there already; nothing was written`);
    await mkdir(target, { recursive: true });
    for (const [file, text] of Object.entries(files)) await writeFile(join(target, file), text);
    process.stdout.write(whatNext(folder, service, Object.keys(files)));
  });
}

function whatNext(folder: string, service: string, files: readonly string[]): string {
  return [
    `wrote ${files.join(", ")}`,
    "",
    "Next, with a mesh running (malla up):",
    folder === "." ? "  npm install" : `  cd ${folder} && npm install`,
    `  malla run --service ${service} -- node ${service}.js`,
    `  malla call ${service} hello '{"name":"you"}'`,
    "  malla apply -f policy.yaml",
    "",
  ].join("\n");
}
