// `malla get`: what is in force.
import { setTimeout as sleep } from "node:timers/promises";
import type { MeshDocument } from "@malla/sdk/contract";
import { asWritten, diffDocuments, kindWords } from "@malla/sdk/resources";
import type { Command } from "commander";
import { Failure, misuse } from "../failure.ts";
import { choiceOf } from "../mesh/document-names.ts";
import { type MeshFlags, openPolicy, type PolicyAccess } from "../mesh/session.ts";
import { formatChanges } from "../print/changes.ts";
import { painter } from "../print/colour.ts";
import { documentTable } from "../print/document-table.ts";
import { parseFormat, printData } from "../print/output.ts";
import { plainText } from "../print/plain-text.ts";
import { example, meshFlags, outputFlag } from "./verb.ts";

/** How often `-w` looks, in ms. */
const WATCH_MS = 1_000;

interface GetFlags extends MeshFlags {
  readonly output: string;
  readonly watch?: boolean;
}

export function addGet(program: Command): void {
  const command = program
    .command("get")
    .description(`list documents: ${kindWords().join(", ")}`)
    .argument("<kind>", "kind, or kind/name")
    .argument("[name]")
    .option("-w, --watch", "go on and print what changes, until Ctrl-C");
  example(outputFlag(meshFlags(command)), "malla get routes\nmalla get route catalog-canary -o yaml\nmalla get all -w");
  command.action(async (kind: string, given: string | undefined, flags: GetFlags) => {
    const format = parseFormat(flags.output);
    if (flags.watch === true && (format === "json" || format === "yaml")) {
      throw misuse(`-w prints changes for people; it does not go with -o ${format}`);
    }
    const { kinds, name } = choiceOf(kind, given);
    const isChosen = (document: MeshDocument): boolean =>
      kinds.includes(document.kind) && (name === undefined || document.metadata.name === name);
    const policy = await openPolicy(flags);
    try {
      const chosen = (await documentsInForce(policy)).filter(isChosen);
      if (name !== undefined && chosen.length === 0 && flags.watch !== true) {
        throw new Failure(`there is no ${kind.split("/")[0]} ${name}; \`malla get ${kind.split("/")[0]}\` lists them`);
      }
      const [only, ...others] = chosen;
      const list = { apiVersion: "v1", kind: "List", items: chosen.map(asWritten) };
      const data = name !== undefined && only !== undefined && others.length === 0 ? asWritten(only) : list;
      printData(format, data, (wide) => documentTable(chosen, wide));
      if (flags.watch === true) await watch(policy, isChosen, chosen);
    } finally {
      await policy.close();
    }
  });
}

async function documentsInForce(policy: PolicyAccess): Promise<readonly MeshDocument[]> {
  return (await policy.store.read()).documents.map(({ document }) => document);
}

/** Prints what changes, for ever. A broker that is away for a while is waited for. */
async function watch(
  policy: PolicyAccess,
  isChosen: (document: MeshDocument) => boolean,
  first: readonly MeshDocument[],
): Promise<void> {
  const paint = painter(process.stdout, process.env);
  let before = first;
  let isAway = false;
  for (;;) {
    await sleep(WATCH_MS);
    const now = await documentsInForce(policy).catch((error: Error) => {
      if (!isAway)
        process.stderr.write(`${plainText(`the policy cannot be read now (${error.message}); trying on`)}\n`);
      return undefined;
    });
    isAway = now === undefined;
    if (now === undefined) continue;
    const chosen = now.filter(isChosen);
    const changes = diffDocuments(before, chosen);
    if (changes.length > 0) process.stdout.write(`${formatChanges(changes, paint)}\n`);
    before = chosen;
  }
}
