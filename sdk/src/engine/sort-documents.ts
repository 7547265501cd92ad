// Documents by kind and service, each name once; and which services they name.
import type {
  AccessPolicyDocument,
  MeshDocument,
  RouteDocument,
  ServicePolicyDocument,
} from "../contract/documents.ts";
import type { Guard } from "./compile-access.ts";
import { Findings, type Problem } from "./problem.ts";
import type { Slices } from "./slices.ts";

export interface SortedDocuments {
  readonly routes: readonly RouteDocument[];
  readonly servicePolicies: ReadonlyMap<string, ServicePolicyDocument>;
  readonly accessPolicies: ReadonlyMap<string, readonly Guard[]>;
  /** Services the documents speak of, leaving out those that are only rewritten to. */
  readonly services: ReadonlySet<string>;
}

export function labelOf(document: MeshDocument): string {
  return `${String(document.kind)}/${String(document.metadata.name)}`;
}

export function findingsOf(document: MeshDocument, problems: Problem[]): Findings {
  return new Findings(labelOf(document), problems);
}

class Sorter {
  readonly routes: RouteDocument[] = [];
  readonly servicePolicies = new Map<string, ServicePolicyDocument>();
  readonly accessPolicies = new Map<string, Guard[]>();
  readonly services = new Set<string>();
  readonly #seen = new Set<string>();
  readonly #problems: Problem[];

  constructor(problems: Problem[]) {
    this.#problems = problems;
  }

  add(document: MeshDocument, index: number): void {
    if (!isDocument(document)) {
      this.#problems.push({
        severity: "error",
        document: `#${index}`,
        path: "",
        message: "is no document: kind, metadata.name and spec are needed",
      });
      return;
    }
    const findings = findingsOf(document, this.#problems);
    const label = labelOf(document);
    const first = !this.#seen.has(label);
    if (!first) findings.error("metadata.name", "stands twice: every name is given once for each kind");
    this.#seen.add(label);
    if (document.kind === "AccessPolicy") this.#guard(document, first, findings);
    else if (!first) return;
    else if (document.kind === "Route") this.#route(document);
    else if (document.kind === "ServicePolicy") this.#settings(document, findings);
    else findings.error("kind", "is none that this version knows");
  }

  #route(document: RouteDocument): void {
    this.routes.push(document);
    const { service, subject } = document.spec.match ?? {};
    const named = service ?? (typeof subject === "string" ? subject.split(".")[0] : undefined);
    if (typeof named === "string" && named !== "" && named !== "*" && named !== ">") this.services.add(named);
  }

  #settings(document: ServicePolicyDocument, findings: Findings): void {
    const { service } = document.spec;
    const other = this.servicePolicies.get(service);
    if (other !== undefined) {
      findings.error(
        "spec.service",
        `${labelOf(other)} speaks for ${String(service)} already: one ServicePolicy for each service`,
      );
      return;
    }
    this.servicePolicies.set(service, document);
    this.services.add(service);
  }

  #guard(document: AccessPolicyDocument, trusted: boolean, findings: Findings): void {
    const { service } = document.spec;
    if (typeof service !== "string") {
      findings.error("spec.service", "names the service that is guarded");
      return;
    }
    const guard = { document, name: document.metadata.name, trusted };
    const guards = this.accessPolicies.get(service);
    if (guards === undefined) this.accessPolicies.set(service, [guard]);
    else guards.push(guard);
    this.services.add(service);
  }
}

export function* sortDocuments(documents: Iterable<MeshDocument>, problems: Problem[]): Slices<SortedDocuments> {
  const sorter = new Sorter(problems);
  let index = 0;
  for (const document of documents) {
    sorter.add(document, index++);
    yield;
  }
  return sorter;
}

function isDocument(document: MeshDocument): boolean {
  const given = document as unknown as
    | { kind?: unknown; metadata?: { name?: unknown } | null; spec?: unknown }
    | null
    | undefined;
  return (
    typeof given?.kind === "string" &&
    typeof given.metadata?.name === "string" &&
    typeof given.spec === "object" &&
    given.spec !== null
  );
}
