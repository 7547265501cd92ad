// `malla version`: of the command, of the SDK, and of the broker if one is there.
import { createRequire } from "node:module";
import type { Command } from "commander";
import { findHome } from "../home.ts";
import { openObserver } from "../mesh/session.ts";
import { parseFormat, printData } from "../print/output.ts";
import { readRunFile } from "../run-file.ts";
import { example, meshFlags, outputFlag } from "./verb.ts";

export function ownVersion(): string {
  return versionOf("../../package.json");
}

function versionOf(manifest: string): string {
  return (createRequire(import.meta.url)(manifest) as { version: string }).version;
}

export function addVersion(program: Command): void {
  const command = program.command("version").description("print versions");
  example(outputFlag(meshFlags(command)), "malla version -o json");
  command.action(async (flags: { readonly output: string; readonly servers?: string }) => {
    const format = parseFormat(flags.output);
    const data = {
      malla: ownVersion(),
      sdk: versionOf("@malla/sdk/package.json"),
      node: process.versions.node,
      natsServer: (await brokerVersion(flags)) ?? null,
    };
    printData(
      format,
      data,
      () => `malla ${data.malla}\nsdk ${data.sdk}\nnode ${data.node}\nnats-server ${data.natsServer ?? "not reached"}`,
    );
  });
}

/** Undefined where none is known to run, or it does not answer. */
async function brokerVersion(flags: { readonly servers?: string }): Promise<string | undefined> {
  if (flags.servers === undefined && readRunFile(findHome(process.cwd(), process.env)) === undefined) return undefined;
  try {
    const observer = await openObserver(flags);
    const { serverVersion } = observer;
    await observer.close();
    return serverVersion;
  } catch {
    return undefined;
  }
}
