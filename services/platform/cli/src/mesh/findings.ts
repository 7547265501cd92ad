// What `malla check` concludes from what it has seen: pure, a list of findings each with what to do about it.
import { isAtFloor, VERSION_FLOORS } from "@malla/broker-config";
import type { MeshDocument } from "@malla/sdk/contract";
import { compile, isOpen, type Policy } from "@malla/sdk/engine";
import type { FoundInstance, FoundRouter, Survey } from "./survey.ts";
import type { FoundBroker } from "./survey-brokers.ts";

/** Clocks further apart than this make deadlines and tokens unreliable, in ms. */
const MAX_CLOCK_OFFSET_MS = 2_000;
/** Credentials that end sooner than this are told, in ms. */
const SOON_MS = 7 * 86_400_000;

export interface Finding {
  readonly state: "ok" | "warning" | "failed";
  readonly check: string;
  readonly detail: string;
  /** What to do; empty if all is well. */
  readonly advice: string;
}

export interface MeshFacts {
  /** Each server of the broker. */
  readonly brokers: readonly FoundBroker[];
  /** What could be opened with which credentials: the reason why not, or undefined. */
  readonly logins: readonly { readonly who: string; readonly problem: string | undefined }[];
  /** Of the files in .malla/credentials. */
  readonly credentials: readonly { readonly file: string; readonly expiresAtMs: number | undefined }[];
  /** What the broker did not allow while we looked. */
  readonly denied: readonly string[];
  readonly policy:
    | { readonly revision: number; readonly documents: readonly MeshDocument[] }
    | { readonly problem: string };
  readonly survey: Survey;
  /** Wall clock, in ms. */
  readonly nowMs: number;
}

/** In the order in which one would look: what is broken below explains what is broken above. */
export function findingsOf(facts: MeshFacts): readonly Finding[] {
  const { policy, survey } = facts;
  return [
    ...facts.brokers.map((broker) => brokerFinding(broker, facts.brokers)),
    accountFinding(facts),
    credentialsFinding(facts),
    ...routerFindings(survey.routers),
    ...("problem" in policy
      ? [failed("policy", policy.problem, "apply the documents again: malla apply -f FILE")]
      : policyFindings(policy.revision, policy.documents, survey)),
  ];
}

function ok(check: string, detail: string): Finding {
  return { state: "ok", check, detail, advice: "" };
}

function warning(check: string, detail: string, advice: string): Finding {
  return { state: "warning", check, detail, advice };
}

export function failed(check: string, detail: string, advice: string): Finding {
  return { state: "failed", check, detail, advice };
}

function brokerFinding({ name, version, server, problem, routes }: FoundBroker, all: readonly FoundBroker[]): Finding {
  const check = all.length === 1 ? "broker" : `broker ${name ?? server}`;
  if (version === undefined) {
    const advice = name === undefined ? "is it running, and is this its address?" : `its log: ${serverLog(name)}`;
    return failed(check, `does not answer: ${problem ?? "unknown"}`, advice);
  }
  const detail = `nats-server ${version} at ${server}`;
  if (!isAtFloor(version))
    return warning(check, `${detail} is older than is safe`, `use ${VERSION_FLOORS.join(", ")} or later of its line`);
  if (routes === undefined) return ok(check, detail);
  const missing = all.filter((other) => other.name !== name && other.name && !routes.includes(other.name));
  const names = missing.map((other) => other.name).join(", ");
  if (missing.length > 0)
    return failed(check, `${detail} has no route to ${names}`, "messages between their clients do not pass");
  return ok(check, `${detail}, routes to ${routes.length} of ${all.length - 1}`);
}

function serverLog(name: string): string {
  return `.malla/server/${name}/nats-server.log`;
}

function accountFinding({ logins, denied }: MeshFacts): Finding {
  const refused = logins.filter(({ problem }) => problem !== undefined);
  if (refused.length > 0) {
    const detail = refused.map(({ who, problem }) => `${who}: ${problem}`).join("; ");
    return failed("accounts", detail, "the keys in .malla do not fit this broker: was it started from another folder?");
  }
  if (denied.length > 0) {
    const detail = `the broker does not allow ${denied.join(", ")}`;
    return failed("accounts", detail, "its configuration is older than this command: restart `malla up`");
  }
  return ok("accounts", `${logins.map(({ who }) => who).join(", ")} may do what they must`);
}

function credentialsFinding({ credentials, nowMs }: MeshFacts): Finding {
  const ending = credentials.filter(({ expiresAtMs }) => expiresAtMs !== undefined && expiresAtMs - nowMs < SOON_MS);
  if (ending.length === 0) return ok("credentials", `${credentials.length} files, none of them ends soon`);
  const detail = ending.map(
    ({ file, expiresAtMs = 0 }) =>
      `${file} ${expiresAtMs < nowMs ? "ended" : "ends"} ${new Date(expiresAtMs).toISOString()}`,
  );
  return warning(
    "credentials",
    detail.join(", "),
    "issue them again: malla credentials issue NAME --role ROLE -o FILE",
  );
}

function routerFindings(routers: readonly FoundRouter[]): readonly Finding[] {
  if (routers.length === 0) {
    return [failed("routers", "none is running, so no call is carried", "`malla router` starts one")];
  }
  const serving = routers.filter(({ draining }) => !draining);
  const names = routers.map(({ id, draining }) => `${id}${draining ? " (draining)" : ""}`).join(", ");
  const skewed = routers.filter(({ clockOffsetMs }) => Math.abs(clockOffsetMs) > MAX_CLOCK_OFFSET_MS);
  const offsets = skewed.map(({ id, clockOffsetMs }) => `${id} is ${Math.round(clockOffsetMs)} ms off`).join(", ");
  return [
    serving.length === 0
      ? failed("routers", `all drain: ${names}`, "`malla router` starts another")
      : ok("routers", names),
    skewed.length === 0
      ? ok("clocks", "agree")
      : warning("clocks", offsets, "synchronise them: deadlines and tokens depend on it"),
  ];
}

function policyFindings(revision: number, documents: readonly MeshDocument[], survey: Survey): readonly Finding[] {
  const behind = survey.routers.filter((router) => !router.draining && router.policyRevision < revision);
  const lag = behind.map((router) => `${router.id} is at revision ${router.policyRevision}`).join(", ");
  const { policy, problems } = compile(documents, revision);
  const signed =
    revision === 0
      ? "there is none yet"
      : `revision ${revision}, ${documents.length} documents, signed by this operator`;
  return [
    behind.length === 0
      ? ok("policy", `${signed}${survey.routers.length === 0 || revision === 0 ? "" : "; every router enforces it"}`)
      : failed("policy", `${signed}, but ${lag}`, "the logs of these routers say why they do not take it"),
    ...problems.map(({ severity, document, path, message }): Finding => {
      const detail = `${document} ${path}: ${message}`;
      const advice = "change the document and apply it again";
      return severity === "error" ? failed("policy", detail, advice) : warning("policy", detail, advice);
    }),
    accessFinding(policy, survey.instances),
    ...serviceFindings(policy, survey.instances),
  ];
}

function accessFinding(policy: Policy, instances: readonly FoundInstance[]): Finding {
  const open = namesOf(instances).filter((service) => isOpen(policy, service));
  if (open.length === 0) return ok("access", "an AccessPolicy names every service");
  const advice = "an AccessPolicy that names a service denies whom it does not allow";
  return warning("access", `open to everybody: ${open.join(", ")}`, advice);
}

function serviceFindings(policy: Policy, instances: readonly FoundInstance[]): readonly Finding[] {
  const services = namesOf(instances);
  const empty = [...policy.services].filter((service) => !services.includes(service));
  const silent = instances.filter(({ phase }) => phase === "silent");
  const findings = [
    ...(empty.length === 0
      ? []
      : [
          warning(
            "services",
            `policy names, but nobody serves: ${empty.join(", ")}`,
            "start them, or delete what names them",
          ),
        ]),
    ...(silent.length === 0
      ? []
      : [
          warning(
            "services",
            `did not answer: ${silent.map(({ service, id }) => `${service}/${id}`).join(", ")}`,
            "they are gone or hang; routers forget them within 16 s",
          ),
        ]),
  ];
  return findings.length > 0
    ? findings
    : [ok("services", `${services.length} services, ${instances.length} instances`)];
}

function namesOf(instances: readonly FoundInstance[]): readonly string[] {
  return [...new Set(instances.map(({ service }) => service))];
}
