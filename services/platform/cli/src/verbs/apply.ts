// `malla apply` and `malla diff`: documents from files, held against what is in force.

import { diffDocuments, documentName, formatDiff } from "@malla/sdk/resources";
import type { Command } from "commander";
import { Failure } from "../failure.ts";
import { namesOf } from "../mesh/document-names.ts";
import { checkTogether, readDocuments, toStored, withDocuments } from "../mesh/read-documents.ts";
import { author, type MeshFlags, openObserver, openPolicy, type PolicyAccess } from "../mesh/session.ts";
import { waitForRevision } from "../mesh/wait-for-revision.ts";
import { example, meshFlags } from "./verb.ts";

interface ApplyFlags extends MeshFlags {
  readonly filename: readonly string[];
  readonly dryRun?: boolean;
  readonly wait?: boolean;
}

const collect = (value: string, all: readonly string[]): string[] => [...all, value];

export function addApply(program: Command): void {
  const command = program
    .command("apply")
    .description("put documents in force, all of them or none")
    .requiredOption("-f, --filename <path>", "file, folder or -; may be given several times", collect, [] as string[])
    .option("--dry-run", "show what would change; write nothing")
    .option("--wait", "return when every router enforces it");
  example(meshFlags(command), "malla apply -f routes/ --wait");
  command.action(async (flags: ApplyFlags) => {
    const documents = readDocuments(flags.filename);
    const policy = await openPolicy(flags);
    try {
      await apply(policy, documents, flags);
    } finally {
      await policy.close();
    }
  });
}

async function apply(
  policy: PolicyAccess,
  documents: ReturnType<typeof readDocuments>,
  flags: ApplyFlags,
): Promise<void> {
  const base = await policy.store.read();
  const before = base.documents.map(({ document }) => document);
  const after = withDocuments(before, documents, new Date().toISOString());
  for (const warning of checkTogether(after, documents)) process.stderr.write(`warning: ${warning}\n`);
  const changes = new Map(diffDocuments(before, after).map((change) => [change.document, change]));
  if (flags.dryRun === true) {
    process.stdout.write(changes.size === 0 ? "nothing would change\n" : `${formatDiff([...changes.values()])}\n`);
    return;
  }
  const names = new Set(documents.map(({ document }) => documentName(document)));
  const put = after.filter((document) => names.has(documentName(document))).map(toStored);
  const head = await policy.store.write(base, { put, remove: [], action: "apply" }, author(), policy.seed);
  for (const name of names) process.stdout.write(`${name} ${STATES[changes.get(name)?.change ?? "unchanged"]}\n`);
  process.stdout.write(`revision ${head.revision}\n`);
  if (flags.wait === true) await wait(flags, head.revision);
}

const STATES = { added: "created", changed: "changed", removed: "removed", unchanged: "unchanged" } as const;

export async function wait(flags: MeshFlags, revision: number): Promise<void> {
  const observer = await openObserver(flags);
  try {
    const routers = await waitForRevision(observer, revision);
    process.stdout.write(`in force at ${routers === 1 ? "one router" : `all ${routers} routers`}\n`);
  } finally {
    await observer.close();
  }
}

export function addDiff(program: Command): void {
  const command = program
    .command("diff")
    .description("show what apply would change; exits with 1 if anything would")
    .requiredOption("-f, --filename <path>", "file, folder or -; may be given several times", collect, [] as string[]);
  example(meshFlags(command), "malla diff -f routes/");
  command.action(async (flags: ApplyFlags) => {
    const documents = readDocuments(flags.filename);
    const policy = await openPolicy(flags);
    try {
      const before = (await policy.store.read()).documents.map(({ document }) => document);
      const after = withDocuments(before, documents, new Date().toISOString());
      checkTogether(after, documents);
      const changes = diffDocuments(before, after);
      process.stdout.write(changes.length === 0 ? "nothing would change\n" : `${formatDiff(changes)}\n`);
      process.exitCode = changes.length === 0 ? 0 : 1;
    } finally {
      await policy.close();
    }
  });
}

export function addDelete(program: Command): void {
  const command = program
    .command("delete")
    .description("take documents out of force")
    .argument("[kind]")
    .argument("[names...]")
    .option("-f, --filename <path>", "what these files name; may be given several times", collect, [] as string[])
    .option("--wait", "return when every router enforces it");
  example(meshFlags(command), "malla delete route catalog-canary\nmalla delete -f routes/");
  command.action(async (kind: string | undefined, names: string[], flags: ApplyFlags) => {
    const policy = await openPolicy(flags);
    try {
      const base = await policy.store.read();
      const wanted =
        flags.filename.length > 0
          ? readDocuments(flags.filename).map(({ document }) => documentName(document))
          : namesOf(kind, names);
      const present = new Set(base.documents.map(({ document }) => documentName(document)));
      const missing = wanted.filter((name) => !present.has(name));
      if (missing.length > 0)
        throw new Failure(
          `${missing.join(", ")}: there is no such document; nothing was deleted. \`malla get all\` lists them`,
        );
      const head = await policy.store.write(base, { put: [], remove: wanted, action: "delete" }, author(), policy.seed);
      process.stdout.write(`${wanted.map((name) => `${name} deleted`).join("\n")}\nrevision ${head.revision}\n`);
      if (flags.wait === true) await wait(flags, head.revision);
    } finally {
      await policy.close();
    }
  });
}
