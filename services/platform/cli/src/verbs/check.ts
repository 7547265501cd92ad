// `malla check`: is all well, and if not, what to do.
import { isAtFloor, VERSION_FLOORS } from "@malla/broker-config";
import type { NatsBroker } from "@malla/sdk/broker";
import { compile, isOpen } from "@malla/sdk/engine";
import type { Command } from "commander";
import { checkNamespace, type MeshFlags, openObserver, openPolicy } from "../mesh/session.ts";
import { type Survey, survey } from "../mesh/survey.ts";
import { parseFormat, printData } from "../print/output.ts";
import { plainText } from "../print/plain-text.ts";
import { example, meshFlags, outputFlag } from "./verb.ts";

/** Clocks further apart than this make deadlines and tokens unreliable, in ms. */
const MAX_CLOCK_OFFSET_MS = 2_000;

export interface Finding {
  readonly state: "ok" | "warning" | "failed";
  readonly check: string;
  readonly detail: string;
  /** What to do; empty if all is well. */
  readonly advice: string;
}

export function addCheck(program: Command): void {
  const command = program
    .command("check")
    .description("look at broker, accounts, routers, policy and services; exits with 1 if something is wrong");
  example(outputFlag(meshFlags(command)), "malla check");
  command.action(async (flags: MeshFlags & { readonly output: string }) => {
    const format = parseFormat(flags.output);
    checkNamespace(flags);
    const findings = await runChecks(flags);
    printData(format, { findings }, () => findings.map(findingLine).join("\n"));
    if (findings.some(({ state }) => state === "failed")) process.exitCode = 1;
  });
}

const MARKS = { ok: "✔", warning: "!", failed: "✘" } as const;

function findingLine({ state, check, detail, advice }: Finding): string {
  return plainText(`${MARKS[state]} ${check}: ${detail}${advice === "" ? "" : ` — ${advice}`}`);
}

async function runChecks(flags: MeshFlags): Promise<readonly Finding[]> {
  let observer: NatsBroker;
  try {
    observer = await openObserver(flags);
  } catch (error) {
    return [failed("broker", error, "start one with `malla up`, or say where it is with --servers")];
  }
  try {
    const seen = await survey(observer);
    return [
      brokerFinding(observer),
      { state: "ok", check: "credentials", detail: "observer may look at the mesh", advice: "" },
      ...(await policyFindings(flags, seen)),
      ...routerFindings(seen),
    ];
  } finally {
    await observer.close();
  }
}

function failed(check: string, error: unknown, advice: string): Finding {
  return { state: "failed", check, detail: error instanceof Error ? error.message : String(error), advice };
}

function brokerFinding(observer: NatsBroker): Finding {
  const version = observer.serverVersion;
  if (isAtFloor(version))
    return { state: "ok", check: "broker", detail: `nats-server ${version} at ${observer.server}`, advice: "" };
  return {
    state: "warning",
    check: "broker",
    detail: `nats-server ${version} at ${observer.server} is older than is safe`,
    advice: `use ${JSON.stringify(VERSION_FLOORS)} or later`,
  };
}

async function policyFindings(flags: MeshFlags, { routers, instances }: Survey): Promise<readonly Finding[]> {
  let policy: Awaited<ReturnType<typeof openPolicy>>;
  try {
    policy = await openPolicy(flags);
  } catch (error) {
    return [
      failed(
        "account CTRL",
        error,
        "the operator's credentials do not fit this broker: was .malla made for another one?",
      ),
    ];
  }
  try {
    const { signed, documents } = await policy.store.read();
    const revision = signed?.head.revision ?? 0;
    const behind = routers.filter((router) => router.policyRevision !== revision);
    const compiled = compile(
      documents.map(({ document }) => document),
      revision,
    );
    const services = [...new Set(instances.map(({ service }) => service))];
    const open = services.filter((service) => isOpen(compiled.policy, service));
    const empty = [...compiled.policy.services].filter((service) => !services.includes(service));
    return [
      {
        state: "ok",
        check: "account CTRL",
        detail:
          revision === 0
            ? "no policy yet"
            : `policy revision ${revision}, ${documents.length} documents, signed by this operator`,
        advice: "",
      },
      behind.length === 0
        ? { state: "ok", check: "policy", detail: "every router enforces it", advice: "" }
        : {
            state: "failed",
            check: "policy",
            detail: behind.map((router) => `${router.id} is at revision ${router.policyRevision}`).join(", "),
            advice: "the logs of these routers say why they do not take it",
          },
      ...compiled.problems.map(
        (problem): Finding => ({
          state: problem.severity === "error" ? "failed" : "warning",
          check: problem.document,
          detail: `${problem.path}: ${problem.message}`,
          advice: "",
        }),
      ),
      open.length === 0
        ? { state: "ok", check: "access", detail: "an AccessPolicy names every service", advice: "" }
        : {
            state: "warning",
            check: "access",
            detail: `open to everybody: ${open.join(", ")}`,
            advice: "an AccessPolicy that names a service denies whom it does not allow",
          },
      empty.length === 0
        ? {
            state: "ok",
            check: "services",
            detail: `${services.length} services, ${instances.length} instances`,
            advice: "",
          }
        : {
            state: "warning",
            check: "services",
            detail: `policy names, but nobody serves: ${empty.join(", ")}`,
            advice: "start them, or delete what names them",
          },
    ];
  } catch (error) {
    return [failed("account CTRL", error, "")];
  } finally {
    await policy.close();
  }
}

function routerFindings({ routers }: Survey): readonly Finding[] {
  if (routers.length === 0)
    return [
      {
        state: "failed",
        check: "routers",
        detail: "none is running, so no call is carried",
        advice: "`malla router` starts one",
      },
    ];
  const skewed = routers.filter((router) => Math.abs(router.clockOffsetMs) > MAX_CLOCK_OFFSET_MS);
  return [
    {
      state: "ok",
      check: "routers",
      detail: routers.map(({ id, draining }) => `${id}${draining ? " (draining)" : ""}`).join(", "),
      advice: "",
    },
    skewed.length === 0
      ? { state: "ok", check: "clocks", detail: "agree", advice: "" }
      : {
          state: "warning",
          check: "clocks",
          detail: skewed.map(({ id, clockOffsetMs }) => `${id} is ${Math.round(clockOffsetMs)} ms off`).join(", "),
          advice: "synchronise them",
        },
  ];
}
