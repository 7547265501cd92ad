// `malla get` and `malla describe`: what is in force.
import { setTimeout as sleep } from "node:timers/promises";
import type { MeshDocument } from "@malla/sdk/contract";
import { compile } from "@malla/sdk/engine";
import {
  asWritten,
  diffDocuments,
  documentName,
  formatDiff,
  kindDefinition,
  kindWords,
  toYaml,
} from "@malla/sdk/resources";
import type { Command } from "commander";
import { Failure } from "../failure.ts";
import { kindsOf, namesOf } from "../mesh/document-names.ts";
import { type MeshFlags, openPolicy, type PolicyAccess } from "../mesh/session.ts";
import { parseFormat, printData } from "../print/output.ts";
import { formatTable } from "../print/table.ts";
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
    .argument("<kind>")
    .argument("[name]")
    .option("-w, --watch", "go on and print what changes");
  example(outputFlag(meshFlags(command)), "malla get routes\nmalla get route catalog-canary -o yaml");
  command.action(async (kind: string, name: string | undefined, flags: GetFlags) => {
    const format = parseFormat(flags.output);
    const kinds = kindsOf(kind);
    const policy = await openPolicy(flags);
    try {
      const chosen = (await documentsInForce(policy)).filter(
        (document) => kinds.includes(document.kind) && (name === undefined || document.metadata.name === name),
      );
      if (name !== undefined && chosen.length === 0)
        throw new Failure(`there is no ${kind} ${name}; \`malla get ${kind}\` lists them`);
      const data =
        name === undefined
          ? { apiVersion: "v1", kind: "List", items: chosen.map(asWritten) }
          : asWritten(chosen[0] as MeshDocument);
      printData(format, data, (wide) => documentTable(chosen, wide));
      if (flags.watch === true) await watch(policy, kinds, chosen);
    } finally {
      await policy.close();
    }
  });
}

async function documentsInForce(policy: PolicyAccess): Promise<readonly MeshDocument[]> {
  return (await policy.store.read()).documents.map(({ document }) => document);
}

/** One table a kind, with the columns of that kind. */
function documentTable(documents: readonly MeshDocument[], wide: boolean): string {
  if (documents.length === 0) return "there are none";
  const kinds = [...new Set(documents.map(({ kind }) => kind))];
  return kinds
    .map((kind) => {
      const columns = kindDefinition(kind).columns.filter((column) => wide || column.wide !== true);
      const own = documents.filter((document) => document.kind === kind);
      return formatTable(
        [kind.toUpperCase(), ...columns.map((column) => column.name.toUpperCase())],
        own.map((document) => [document.metadata.name, ...columns.map((column) => valueAt(document, column.jsonPath))]),
      );
    })
    .join("\n\n");
}

/** The value at a path as printer columns write it: `.spec.match.service`. */
export function valueAt(document: unknown, path: string): string {
  let value: unknown = document;
  for (const part of path.split(".").filter((step) => step !== "")) {
    const [, name, index] = /^([^[]*)(?:\[(\d+|\*)\])?$/.exec(part) ?? [];
    value = (value as Record<string, unknown> | undefined)?.[name as string];
    if (index !== undefined && Array.isArray(value)) value = index === "*" ? value : value[Number(index)];
  }
  if (value === undefined || value === null) return "-";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

async function watch(policy: PolicyAccess, kinds: readonly string[], first: readonly MeshDocument[]): Promise<void> {
  let before = first;
  for (;;) {
    await sleep(WATCH_MS);
    const now = (await documentsInForce(policy)).filter(({ kind }) => kinds.includes(kind));
    const changes = diffDocuments(before, now);
    if (changes.length > 0) process.stdout.write(`${formatDiff(changes)}\n`);
    before = now;
  }
}

export function addDescribe(program: Command): void {
  const command = program
    .command("describe")
    .description("show a document with all that is known of it")
    .argument("<kind>")
    .argument("[name]");
  example(meshFlags(command), "malla describe route catalog-canary");
  command.action(async (kind: string, name: string | undefined, flags: MeshFlags) => {
    const [wanted] = namesOf(kind, name === undefined ? [] : [name]);
    const policy = await openPolicy(flags);
    try {
      const { documents, signed } = await policy.store.read();
      const found = documents.find(({ document }) => documentName(document) === wanted);
      if (found === undefined || signed === undefined)
        throw new Failure(`there is no ${wanted}; \`malla get all\` lists what is in force`);
      const since = (await policy.store.history()).find((head) =>
        head.documents.some((entry) => entry.hash === found.hash),
      );
      const { problems } = compile(
        documents.map(({ document }) => document),
        signed.head.revision,
      );
      const own = problems.filter((problem) => problem.document === wanted);
      process.stdout.write(
        [
          `Document:  ${wanted}`,
          `Hash:      ${found.hash.slice(0, 12)}`,
          `In force:  since revision ${since?.revision ?? "?"} by ${since?.author ?? "?"} at ${since?.createdAt ?? "?"}; the mesh is at ${signed.head.revision}`,
          `Problems:  ${own.length === 0 ? "none" : own.map((problem) => `${problem.severity} at ${problem.path}: ${problem.message}`).join("\n           ")}`,
          "",
          toYaml(found.document).trimEnd(),
          "",
        ].join("\n"),
      );
    } finally {
      await policy.close();
    }
  });
}
