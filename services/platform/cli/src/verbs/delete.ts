// `malla delete`: documents taken out of force, all of them or none.
import { documentName } from "@malla/sdk/resources";
import type { Command } from "commander";
import { Failure, misuse } from "../failure.ts";
import { namesOf } from "../mesh/document-names.ts";
import { refuseOwned } from "../mesh/owned-documents.ts";
import { readDocuments } from "../mesh/read-documents.ts";
import { author, type MeshFlags, openPolicy } from "../mesh/session.ts";
import { waitUntilInForce } from "../mesh/wait-for-revision.ts";
import { collect, example, meshFlags } from "./verb.ts";

interface DeleteFlags extends MeshFlags {
  readonly filename: readonly string[];
  readonly wait?: boolean;
  readonly takeOver?: boolean;
}

export function addDelete(program: Command): void {
  const command = program
    .command("delete")
    .description("take documents out of force, all of them or none")
    .argument("[kind]", "kind, or kind/name")
    .argument("[names...]")
    .option("-f, --filename <path>", "what these files name; may be given several times", collect, [] as string[])
    .option("--wait", "return when every router has let go of it")
    .option("--take-over", "delete what a resource of Kubernetes owns; as long as that is there it comes again");
  example(meshFlags(command), "malla delete route catalog-canary\nmalla delete -f routes/");
  command.action(async (kind: string | undefined, names: string[], flags: DeleteFlags) => {
    const wanted = await wantedNames(kind, names, flags.filename);
    const policy = await openPolicy(flags);
    try {
      const base = await policy.store.read();
      const documents = base.documents.map(({ document }) => document);
      const present = new Set(documents.map(documentName));
      const missing = wanted.filter((name) => !present.has(name));
      if (missing.length > 0) {
        throw new Failure(
          `${missing.join(", ")}: there is no such document; nothing was deleted. \`malla get all\` lists them`,
        );
      }
      if (flags.takeOver !== true) refuseOwned(documents, new Set(wanted));
      const change = { put: [], remove: wanted, action: "delete" };
      const { revision } = await policy.store.write(base, change, author(), policy.seed);
      process.stdout.write(`${wanted.map((name) => `${name} deleted`).join("\n")}\nrevision ${revision}\n`);
      if (flags.wait === true) await waitUntilInForce(flags, revision);
    } finally {
      await policy.close();
    }
  });
}

async function wantedNames(
  kind: string | undefined,
  names: readonly string[],
  files: readonly string[],
): Promise<readonly string[]> {
  if (files.length === 0) return namesOf(kind, names);
  if (kind !== undefined) throw misuse("either -f or names are expected, not both");
  return (await readDocuments(files)).map(({ document }) => documentName(document));
}
