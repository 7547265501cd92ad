// `malla check`: is all well, and if not, what to do.
import type { NatsBroker } from "@malla/sdk/broker";
import type { Command } from "commander";
import { requireHome } from "../home.ts";
import { listCredentials } from "../mesh/credentials-files.ts";
import { type Finding, failed, findingsOf, type MeshFacts } from "../mesh/findings.ts";
import { checkNamespace, type MeshFlags, natsUrl, openObserver, openOperator, openPolicy } from "../mesh/session.ts";
import { survey } from "../mesh/survey.ts";
import { surveyBrokers } from "../mesh/survey-brokers.ts";
import { type Colour, type Paint, painter } from "../print/colour.ts";
import { parseFormat, printData } from "../print/output.ts";
import { plainText } from "../print/plain-text.ts";
import { readRunFile } from "../run-file.ts";
import { example, meshFlags, outputFlag } from "./verb.ts";

export function addCheck(program: Command): void {
  const command = program
    .command("check")
    .description("look at broker, accounts, routers, policy and services; exits with 1 if something is wrong");
  example(outputFlag(meshFlags(command)), "malla check");
  command.action(async (flags: MeshFlags & { readonly output: string }) => {
    const format = parseFormat(flags.output);
    checkNamespace(flags);
    const findings = await check(flags);
    const paint = painter(process.stdout, process.env);
    printData(format, { findings }, () => findings.map((finding) => findingLine(finding, paint)).join("\n"));
    if (findings.some(({ state }) => state === "failed")) process.exitCode = 1;
  });
}

const MARKS = { ok: "✔", warning: "!", failed: "✘" } as const;
const COLOURS: Readonly<Record<Finding["state"], Colour>> = { ok: "green", warning: "yellow", failed: "red" };

export function findingLine({ state, check, detail, advice }: Finding, paint: Paint): string {
  const text = plainText(`${check}: ${detail}${advice === "" ? "" : ` — ${advice}`}`);
  return `${paint(COLOURS[state], MARKS[state])} ${text}`;
}

/** Without a connection as operator there is nothing more to look at. */
async function check(flags: MeshFlags): Promise<readonly Finding[]> {
  let operator: NatsBroker;
  try {
    operator = await openOperator(flags);
  } catch (error) {
    return [failed("broker", messageOf(error), "start one with `malla up`, or say where it is with --servers")];
  }
  try {
    return findingsOf(await look(flags, operator));
  } finally {
    await operator.close();
  }
}

async function look(flags: MeshFlags, operator: NatsBroker): Promise<MeshFacts> {
  const denied: string[] = [];
  operator.onStatus((status) => {
    if (status.type === "denied") denied.push(`${status.operation} of ${status.subject}`);
  });
  const observer = await problemOf(async () => (await openObserver(flags)).close());
  // Policy first: a router may be ahead of what was read, and is behind only if it had time to catch up.
  let policy: MeshFacts["policy"] = { problem: "" };
  const control = await problemOf(async () => {
    policy = await readPolicy(flags);
  });
  return {
    brokers: await surveyBrokers({
      natsUrl: natsUrl(flags, requireHome()),
      run: readRunFile(requireHome()),
      open: async (servers) => await openOperator({ ...flags, servers }),
    }),
    logins: [
      { who: "operator in MESH", problem: undefined },
      { who: "operator in CTRL", problem: control },
      { who: "observer", problem: observer },
    ],
    credentials: listCredentials(requireHome()),
    survey: await survey(operator),
    policy: control === undefined ? policy : { problem: control },
    denied,
    nowMs: Date.now(),
  };
}

async function readPolicy(flags: MeshFlags): Promise<MeshFacts["policy"]> {
  const { store, close } = await openPolicy(flags);
  try {
    const { signed, documents } = await store.read();
    return { revision: signed?.head.revision ?? 0, documents: documents.map(({ document }) => document) };
  } catch (error) {
    return { problem: messageOf(error) };
  } finally {
    await close();
  }
}

async function problemOf(work: () => Promise<void>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
