// Which running instances a document is about.
import type { MeshDocument, RouteDocument } from "@malla/sdk/contract";
import { compile, matchRoute } from "@malla/sdk/engine";
import type { FoundInstance } from "./survey.ts";

/** The instances of one destination of a Route, or of the service a policy names. */
export interface InstanceGroup {
  /** `catalog 1.x`, with the share of calls a Route gives it. */
  readonly label: string;
  readonly instances: readonly FoundInstance[];
}

export function instancesOf(document: MeshDocument, instances: readonly FoundInstance[]): readonly InstanceGroup[] {
  if (document.kind === "Route") return destinationsOf(document, instances);
  const { service } = document.spec;
  return [{ label: service, instances: instances.filter((instance) => instance.service === service) }];
}

/** The engine itself decides who fits; only the conditions on calls are left out, since there is no call. */
function destinationsOf(route: RouteDocument, instances: readonly FoundInstance[]): readonly InstanceGroup[] {
  const called = calledService(route);
  const match = called === undefined ? { subject: "*.*" } : { service: called };
  const bare = { ...route, spec: { ...route.spec, match } };
  const anyCall = { principal: "anybody", service: called ?? "any", method: "any", header: () => undefined };
  const compiled = matchRoute(compile([bare], 1).policy, anyCall);
  return (compiled?.destinations ?? []).map((destination) => {
    const service = destination.service ?? called;
    const share = compiled === undefined ? 0 : Math.round((destination.weight / compiled.totalWeight) * 1000) / 10;
    const own = instances.filter(
      (instance) =>
        (service === undefined || instance.service === service) && destination.accepts(instance.version, instance.tags),
    );
    const place = destination.label === "" ? (service ?? "any service") : destination.label;
    const name = service === undefined || place.startsWith(service) ? place : `${service} ${place}`;
    return { label: `${name} (${share} %)`, instances: own };
  });
}

/** The service a Route is for; undefined if its subject leaves that open. */
function calledService({ spec: { match } }: RouteDocument): string | undefined {
  const service = match.service ?? match.subject?.split(".")[0];
  return service === "*" || service === ">" ? undefined : service;
}
