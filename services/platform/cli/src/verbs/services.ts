// `malla services`: who serves what.

import { compile, isOpen } from "@malla/sdk/engine";
import type { Command } from "commander";
import { type MeshFlags, openObserver, openPolicy } from "../mesh/session.ts";
import { type FoundInstance, survey } from "../mesh/survey.ts";
import { parseFormat, printData } from "../print/output.ts";
import { formatTable } from "../print/table.ts";
import { example, meshFlags, outputFlag } from "./verb.ts";

interface ServicesFlags extends MeshFlags {
  readonly output: string;
}

interface ServiceLine {
  readonly name: string;
  readonly versions: readonly string[];
  readonly instances: readonly FoundInstance[];
  readonly access: "open" | "policy";
}

export function addServices(program: Command): void {
  const command = program.command("services").description("list services, their versions and instances");
  example(outputFlag(meshFlags(command)), "malla services -o wide");
  command.action(async (flags: ServicesFlags) => {
    const format = parseFormat(flags.output);
    const observer = await openObserver(flags);
    const policy = await openPolicy(flags);
    try {
      const [{ instances }, snapshot] = await Promise.all([survey(observer), policy.store.read()]);
      const compiled = compile(
        snapshot.documents.map(({ document }) => document),
        1,
      ).policy;
      const names = [...new Set(instances.map(({ service }) => service))].sort();
      const lines = names.map((name): ServiceLine => {
        const own = instances.filter(({ service }) => service === name);
        return {
          name,
          versions: [...new Set(own.map(({ version }) => version))].sort(),
          instances: own,
          access: isOpen(compiled, name) ? "open" : "policy",
        };
      });
      printData(format, { services: lines }, (wide) => (wide ? instanceTable(instances) : serviceTable(lines)));
    } finally {
      await Promise.all([observer.close(), policy.close()]);
    }
  });
}

function serviceTable(lines: readonly ServiceLine[]): string {
  if (lines.length === 0) return "nobody serves anything yet; `malla run --service NAME -- COMMAND` starts something";
  return formatTable(
    ["NAME", "VERSIONS", "INSTANCES", "METHODS", "REQUESTS", "ERRORS", "ACCESS"],
    lines.map(({ name, versions, instances, access }) => [
      name,
      versions.join(","),
      String(instances.length),
      [...new Set(instances.flatMap(({ methods }) => methods))].join(","),
      String(instances.reduce((sum, { requests }) => sum + requests, 0)),
      String(instances.reduce((sum, { errors }) => sum + errors, 0)),
      access,
    ]),
  );
}

function instanceTable(instances: readonly FoundInstance[]): string {
  return formatTable(
    ["SERVICE", "INSTANCE", "VERSION", "KIND", "REQUESTS", "ERRORS", "METHODS"],
    instances.map(({ service, id, version, kind, requests, errors, methods }) => [
      service,
      id,
      version,
      kind,
      String(requests),
      String(errors),
      methods.join(","),
    ]),
  );
}
