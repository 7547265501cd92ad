// `malla services`: who serves what.
import { compile, isOpen } from "@malla/sdk/engine";
import type { Command } from "commander";
import { findHome } from "../home.ts";
import { type MeshFlags, openOperator, openPolicy } from "../mesh/session.ts";
import { type FoundInstance, survey } from "../mesh/survey.ts";
import { parseFormat, printData } from "../print/output.ts";
import { formatTable } from "../print/table.ts";
import { type RunFile, readRunFile } from "../run-file.ts";
import { example, meshFlags, outputFlag } from "./verb.ts";

interface ServicesFlags extends MeshFlags {
  readonly output: string;
}

interface ServiceLine {
  readonly name: string;
  readonly kind: "sdk" | "plain";
  readonly versions: readonly string[];
  readonly inFlight: number;
  /** Whether an AccessPolicy says who may call it. */
  readonly access: "open" | "policy";
  readonly instances: readonly FoundInstance[];
}

export function addServices(program: Command): void {
  const command = program
    .command("services")
    .description("list services, their versions and instances; -o wide lists instances and process ids");
  example(outputFlag(meshFlags(command)), "malla services -o wide");
  command.action(async (flags: ServicesFlags) => {
    const format = parseFormat(flags.output);
    const operator = await openOperator(flags);
    const policy = await openPolicy(flags);
    try {
      const [{ instances }, snapshot] = await Promise.all([survey(operator), policy.store.read()]);
      const documents = snapshot.documents.map(({ document }) => document);
      const compiled = compile(documents, snapshot.signed?.head.revision ?? 0).policy;
      const lines = serviceLines(instances, (service) => isOpen(compiled, service));
      const running = processesHere(readRunFile(findHome(process.cwd(), process.env)));
      const data = { services: lines, processes: running };
      printData(format, data, (wide) => (wide ? wideTables(instances, running) : serviceTable(lines)));
    } finally {
      await Promise.all([operator.close(), policy.close()]);
    }
  });
}

export function serviceLines(
  instances: readonly FoundInstance[],
  isOpenService: (service: string) => boolean,
): readonly ServiceLine[] {
  const names = [...new Set(instances.map(({ service }) => service))].sort();
  return names.map((name) => {
    const own = instances.filter(({ service }) => service === name);
    const kind = own.every((instance) => instance.kind === "plain") ? "plain" : "sdk";
    const counts = own.map(({ inFlight }) => inFlight);
    return {
      name,
      kind,
      versions: [...new Set(own.map(({ version }) => version))].sort(),
      inFlight: kind === "plain" ? Math.max(...counts) : counts.reduce((sum, count) => sum + count, 0),
      access: isOpenService(name) ? "open" : "policy",
      instances: own,
    };
  });
}

interface ProcessLine {
  readonly name: string;
  readonly pid: number;
}

/** What `malla up` or `npm start` runs on this machine. */
function processesHere(run: RunFile | undefined): readonly ProcessLine[] {
  if (run === undefined) return [];
  return [
    { name: "malla", pid: run.pid },
    ...run.brokers.map(({ name, pid }) => ({ name: run.brokers.length === 1 ? "nats-server" : name, pid })),
    ...run.routers.map(({ name, pid }) => ({ name, pid })),
    ...run.processes,
  ];
}

function serviceTable(lines: readonly ServiceLine[]): string {
  if (lines.length === 0) return "nobody serves anything yet; `malla run --service NAME -- COMMAND` starts something";
  return formatTable(
    ["NAME", "KIND", "VERSIONS", "INSTANCES", "IN FLIGHT", "REQUESTS", "ERRORS", "ACCESS", "METHODS"],
    lines.map(({ name, kind, versions, instances, inFlight, access }) => [
      name,
      kind,
      versions.join(","),
      String(instances.length),
      String(inFlight),
      String(instances.reduce((sum, { requests }) => sum + requests, 0)),
      String(instances.reduce((sum, { errors }) => sum + errors, 0)),
      access,
      [...new Set(instances.flatMap(({ methods }) => methods))].join(","),
    ]),
  );
}

function wideTables(instances: readonly FoundInstance[], running: readonly ProcessLine[]): string {
  const table = formatTable(
    ["SERVICE", "INSTANCE", "VERSION", "KIND", "PHASE", "IN FLIGHT", "REQUESTS", "ERRORS", "TAGS", "METHODS"],
    instances.map((instance) => [
      instance.service,
      instance.id,
      instance.version,
      instance.kind,
      instance.phase,
      String(instance.inFlight),
      String(instance.requests),
      String(instance.errors),
      Object.entries(instance.tags)
        .map(([name, value]) => `${name}=${value}`)
        .join(",") || "-",
      instance.methods.join(","),
    ]),
  );
  if (running.length === 0) return table;
  const processes = formatTable(
    ["PROCESS HERE", "PID"],
    running.map(({ name, pid }) => [name, pid === 0 ? "down" : String(pid)]),
  );
  return `${table}\n\n${processes}`;
}
