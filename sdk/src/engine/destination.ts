// Where a share of a Route's calls goes: which instances it accepts.
import { Range } from "semver";
import type { Destination } from "../contract/documents.ts";
import type { Findings } from "./problem.ts";

export interface CompiledDestination {
  /** Place in its Route. */
  readonly index: number;
  /** What logs and errors call it: `catalog 2.x zone=a`; empty if it takes every instance. */
  readonly label: string;
  /** Set if the call goes to another service than the one called. */
  readonly service: string | undefined;
  readonly weight: number;
  readonly failover: "none" | "any";
  /** Whether an instance with this version and these tags belongs to it. A version that is not semver is in no range. */
  accepts(version: string, tags: Readonly<Record<string, string>>): boolean;
}

/** Versions whose answer a destination remembers before it starts over. */
export const MAX_KEPT_VERSIONS = 256;

/** `called` is the service of the match, if it names one: to go there is no rewrite. */
export function compileDestination(
  given: Destination,
  index: number,
  called: string | undefined,
  findings: Findings,
): CompiledDestination | undefined {
  const path = `spec.destinations[${index}]`;
  const range = compileRange(given.version, path, findings);
  const weight = given.weight;
  if (typeof weight !== "number" || !(weight >= 0) || !Number.isFinite(weight)) {
    findings.error(`${path}.weight`, `a weight is a number from 0 on, not ${String(weight)}`);
    return undefined;
  }
  if (range === "bad") return undefined;
  const tags = Object.entries(given.tags ?? {});
  const service = given.service === called ? undefined : given.service;
  return Object.freeze({
    index,
    label: [service, given.version, ...tags.map(([name, value]) => `${name}=${value}`)]
      .filter((part) => part !== undefined)
      .join(" "),
    service,
    weight,
    failover: given.failover ?? "none",
    accepts: acceptor(range, tags),
  });
}

function compileRange(version: string | undefined, path: string, findings: Findings): Range | undefined | "bad" {
  if (version === undefined) return undefined;
  try {
    return new Range(version);
  } catch {
    findings.error(
      `${path}.version`,
      `${JSON.stringify(version)} is no npm version range: write for example "1.x", "^2.1.0" or ">=1.4.0 <3.0.0"`,
    );
    return "bad";
  }
}

function acceptor(
  range: Range | undefined,
  tags: readonly (readonly [string, string])[],
): CompiledDestination["accepts"] {
  const inRange = range === undefined ? everyVersion : rememberingRange(range);
  return (version, given) => {
    for (const [name, value] of tags) if (given[name] !== value) return false;
    return inRange(version);
  };
}

function everyVersion(): boolean {
  return true;
}

function rememberingRange(range: Range): (version: string) => boolean {
  const kept = new Map<string, boolean>();
  return (version) => {
    let inside = kept.get(version);
    if (inside === undefined) {
      if (kept.size >= MAX_KEPT_VERSIONS) kept.clear();
      inside = range.test(version);
      kept.set(version, inside);
    }
    return inside;
  };
}
