// `malla describe`: a document with all that is known of it.
import { compile } from "@malla/sdk/engine";
import { documentName, toYaml } from "@malla/sdk/resources";
import type { Command } from "commander";
import { Failure } from "../failure.ts";
import { instancesOf } from "../mesh/document-instances.ts";
import { namesOf } from "../mesh/document-names.ts";
import { type MeshFlags, openOperator, openPolicy } from "../mesh/session.ts";
import { survey } from "../mesh/survey.ts";
import { printText } from "../print/output.ts";
import { example, meshFlags } from "./verb.ts";

export function addDescribe(program: Command): void {
  const command = program
    .command("describe")
    .description("show a document: since when and by whom it is in force, problems, and the instances it is about")
    .argument("<kind>", "kind, or kind/name")
    .argument("[name]");
  example(meshFlags(command), "malla describe route catalog-canary");
  command.action(async (kind: string, name: string | undefined, flags: MeshFlags) => {
    const [wanted = ""] = namesOf(kind, name === undefined ? [] : [name]);
    const policy = await openPolicy(flags);
    const operator = await openOperator(flags);
    try {
      const [{ documents, signed }, history, { instances }] = await Promise.all([
        policy.store.read(),
        policy.store.history(),
        survey(operator),
      ]);
      const found = documents.find(({ document }) => documentName(document) === wanted);
      if (found === undefined || signed === undefined) {
        throw new Failure(`there is no ${wanted}; \`malla get all\` lists what is in force`);
      }
      const { head } = signed;
      const since = history.find(({ documents: entries }) => entries.some(({ hash }) => hash === found.hash)) ?? head;
      const { problems } = compile(
        documents.map(({ document }) => document),
        head.revision,
      );
      const own = problems.filter(({ document }) => document === wanted);
      const groups = instancesOf(found.document, instances);
      const field = (label: string, lines: readonly string[]): string =>
        `${label.padEnd(11)}${lines.join(`\n${" ".repeat(11)}`)}`;
      printText(
        [
          field("Document:", [wanted]),
          field("Hash:", [found.hash.slice(0, 12)]),
          field("In force:", [
            `since revision ${since.revision} by ${since.author} at ${since.createdAt}; the mesh is at ${head.revision}`,
          ]),
          field(
            "Problems:",
            own.length === 0
              ? ["none"]
              : own.map(({ severity, path, message }) => `${severity} at ${path}: ${message}`),
          ),
          field(
            "Instances:",
            groups.map(
              ({ label, instances: members }) =>
                `${label}: ${members.map(({ id, version }) => `${id} ${version}`).join(", ") || "none"}`,
            ),
          ),
          "",
          toYaml(found.document).trimEnd(),
        ].join("\n"),
      );
    } finally {
      await Promise.all([policy.close(), operator.close()]);
    }
  });
}
