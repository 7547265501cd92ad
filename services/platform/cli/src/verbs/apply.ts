// `malla apply`: documents from files, put in force all of them or none.
import { documentName } from "@malla/sdk/resources";
import type { Command } from "commander";
import { TAKE_OVER } from "../mesh/owned-documents.ts";
import { type PlannedChange, planChange } from "../mesh/policy-change.ts";
import { readDocuments, toStored } from "../mesh/read-documents.ts";
import { author, type MeshFlags, openPolicy } from "../mesh/session.ts";
import { waitUntilInForce } from "../mesh/wait-for-revision.ts";
import { printChanges } from "../print/changes.ts";
import { parseFormat, printData } from "../print/output.ts";
import { plainText } from "../print/plain-text.ts";
import { collect, example, meshFlags, outputFlag } from "./verb.ts";

interface ApplyFlags extends MeshFlags {
  readonly filename: readonly string[];
  readonly dryRun?: boolean;
  readonly wait?: boolean;
  readonly takeOver?: boolean;
  readonly output: string;
}

export function addApply(program: Command): void {
  const command = program
    .command("apply")
    .description("put documents in force, all of them or none")
    .requiredOption("-f, --filename <path>", "file, folder or -; may be given several times", collect, [] as string[])
    .option("--dry-run", "show what would change; write nothing")
    .option("--wait", "return when every router enforces it")
    .option(...TAKE_OVER);
  example(outputFlag(meshFlags(command)), "malla apply -f routes/ --wait\nmalla apply -f canary.yaml --dry-run");
  command.action(async (flags: ApplyFlags) => {
    const format = parseFormat(flags.output);
    const read = await readDocuments(flags.filename);
    const policy = await openPolicy(flags);
    try {
      const owners = flags.takeOver === true ? "take-over" : "refuse";
      const plan = planChange(await policy.store.read(), read, new Date().toISOString(), owners);
      for (const warning of plan.warnings) process.stderr.write(`warning: ${plainText(warning)}\n`);
      if (flags.dryRun === true) return printChanges(format, plan.changes);
      const { base, put } = plan;
      const change = { put: put.map(toStored), remove: [], action: "apply" };
      const { revision } = await policy.store.write(base, change, author(), policy.seed);
      const documents = outcomes(plan);
      printData(format, { revision, documents }, () =>
        [...documents.map(({ document, outcome }) => `${document} ${outcome}`), `revision ${revision}`].join("\n"),
      );
      if (flags.wait === true) await waitUntilInForce(flags, revision);
    } finally {
      await policy.close();
    }
  });
}

const OUTCOMES = { added: "created", changed: "changed", removed: "removed" } as const;

function outcomes({ put, changes }: PlannedChange): readonly { document: string; outcome: string }[] {
  const changed = new Map(changes.map(({ document, change }) => [document, OUTCOMES[change]]));
  return put.map(documentName).map((document) => ({ document, outcome: changed.get(document) ?? "unchanged" }));
}
