// `malla rollback`: an old revision again, as a new one.
import type { MeshDocument } from "@malla/sdk/contract";
import { documentId, type PolicySnapshot, type StoredDocument } from "@malla/sdk/discovery";
import { documentName, withOwner } from "@malla/sdk/resources";
import type { Command } from "commander";
import { Failure, misuse } from "../failure.ts";
import { refuseOwned, TAKE_OVER } from "../mesh/owned-documents.ts";
import { toStored } from "../mesh/read-documents.ts";
import { author, type MeshFlags, openPolicy } from "../mesh/session.ts";
import { waitUntilInForce } from "../mesh/wait-for-revision.ts";
import { parseFormat, printData } from "../print/output.ts";
import { formatTable } from "../print/table.ts";
import { example, meshFlags, outputFlag } from "./verb.ts";

interface RollbackFlags extends MeshFlags {
  readonly list?: boolean;
  readonly output: string;
  readonly wait?: boolean;
  readonly takeOver?: boolean;
}

export function addRollback(program: Command): void {
  const command = program
    .command("rollback")
    .description("put the documents of an earlier revision in force again (default: the one before)")
    .argument("[revision]")
    .option("--list", "list the revisions that are kept")
    .option("--wait", "return when every router enforces it")
    .option(...TAKE_OVER);
  example(outputFlag(meshFlags(command)), "malla rollback --list\nmalla rollback 7");
  command.action(async (revision: string | undefined, flags: RollbackFlags) => {
    const policy = await openPolicy(flags);
    try {
      const history = await policy.store.history();
      if (flags.list === true) {
        const rows = history.map((head) => [
          String(head.revision),
          head.createdAt,
          head.author,
          head.action,
          String(head.documents.length),
        ]);
        printData(parseFormat(flags.output), { revisions: history }, () =>
          formatTable(["REVISION", "AT", "BY", "ACTION", "DOCUMENTS"], rows),
        );
        return;
      }
      const base = await policy.store.read();
      const current = base.signed?.head;
      if (current === undefined) throw new Failure("there is no policy yet, so nothing to go back to");
      const wanted = revision === undefined ? current.revision - 1 : Number(revision);
      if (!Number.isInteger(wanted) || wanted < 1)
        throw misuse(
          `${revision ?? wanted}: the number of an earlier revision is expected; \`malla rollback --list\` lists them`,
        );
      const target = history.find((head) => head.revision === wanted);
      if (target === undefined)
        throw new Failure(`revision ${wanted} is not kept; \`malla rollback --list\` lists those that are`);
      const earlier = await policy.store.documentsOf(target);
      const kept = new Set(target.documents.map(documentId));
      const remove = current.documents.map(documentId).filter((id) => !kept.has(id));
      if (flags.takeOver !== true) refuseOwned(ownersOf(base, earlier), changedNames(base, earlier, remove));
      const put = earlier.map((stored) => ownedHere(base, stored));
      const head = await policy.store.write(
        base,
        { put, remove, action: `rollback to ${wanted}` },
        author(),
        policy.seed,
      );
      process.stdout.write(`revision ${head.revision} holds what revision ${wanted} held\n`);
      if (flags.wait === true) await waitUntilInForce(flags, head.revision);
    } finally {
      await policy.close();
    }
  });
}

/** `Kind/name` of all that would be another than it is. */
function changedNames(
  base: PolicySnapshot,
  earlier: readonly StoredDocument[],
  removed: readonly string[],
): ReadonlySet<string> {
  const now = new Set(base.documents.map(({ hash }) => hash));
  const put = earlier.filter(({ hash }) => !now.has(hash)).map(({ document }) => documentName(document));
  return new Set([...put, ...removed]);
}

/** What is there now and what would come: either may be Kubernetes'. */
function ownersOf(base: PolicySnapshot, earlier: readonly StoredDocument[]): readonly MeshDocument[] {
  return [
    ...new Map([...earlier, ...base.documents].map(({ document }) => [documentName(document), document])).values(),
  ];
}

/** What changes belongs to whoever rolls back: as Kubernetes' it would be changed back at once. */
function ownedHere(base: PolicySnapshot, stored: StoredDocument): StoredDocument {
  if (base.documents.some(({ hash }) => hash === stored.hash)) return stored;
  return toStored(withOwner(stored.document, undefined));
}
