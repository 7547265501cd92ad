// Which instance gets the next attempt: the destination's share first, then who is eligible, then the balancer.
import { MeshError, type MeshReason } from "../../contract/index.ts";
import type { Instance, Registry, ServiceEntry } from "../../discovery/registry.ts";
import { type CompiledDestination, chooseDestination, eligible, pick } from "../../engine/index.ts";
import type { Exchange } from "../exchange.ts";

/** Which instances a destination accepts, kept until the service's set changes. */
const accepted = new WeakMap<
  CompiledDestination,
  { entry: ServiceEntry; epoch: number; instances: readonly Instance[] }
>();
const NOBODY: readonly Instance[] = [];

export interface Choice {
  readonly instance: Instance | undefined;
  /** Why there is none, for the error. */
  readonly refusal: MeshReason;
  readonly service: string;
  readonly message: string;
}

/**
 * Picks an instance. The destination is drawn once per call (`exchange.route` and `share` fix it); instances tried before are
 * passed over while others are left.
 */
export function chooseInstance(
  exchange: Exchange,
  destination: CompiledDestination | undefined,
  tried: readonly Instance[],
  registry: Registry,
  nowMs: number,
  random: () => number,
): Choice {
  const service = destination?.service ?? exchange.targetService;
  const candidates = candidatesFor(destination, service, registry);
  if (candidates.length === 0) return none("no-instance", service, describeAbsence(service, destination));
  const admitted = untried(eligible(candidates, nowMs, exchange.settings.outlier), candidates, tried);
  if (admitted.length === 0) return none("breaker-open", service, `every instance of ${service} is ejected`);
  const avoid = tried.length === 0 ? undefined : (instance: Instance): boolean => tried.includes(instance);
  // It passes over those that have as many calls as they announced to take, or as policy gives them.
  const instance = pick(exchange.settings.loadBalancer, admitted, nowMs, random, avoid);
  if (instance === undefined)
    return none("overloaded", service, `every instance of ${service} has as many calls as it takes`);
  return { instance, refusal: "no-instance", service, message: "" };
}

/**
 * A half-open instance is offered alone, also to a call it has just refused: such a call goes to a healthy one it has not
 * tried, if there is one.
 */
function untried(
  admitted: readonly Instance[],
  candidates: readonly Instance[],
  tried: readonly Instance[],
): readonly Instance[] {
  if (tried.length === 0 || !admitted.every((instance) => tried.includes(instance))) return admitted;
  const others = candidates.filter((instance) => instance.outlier.untilMs === 0 && !tried.includes(instance));
  return others.length > 0 ? others : admitted;
}

function none(refusal: MeshReason, service: string, message: string): Choice {
  return { instance: undefined, refusal, service, message };
}

function describeAbsence(service: string, destination: CompiledDestination | undefined): string {
  const which = destination === undefined || destination.label === "" ? "" : ` that matches ${destination.label}`;
  return `no instance of ${service}${which} can take the call now`;
}

/** The destination of this call: drawn by key, or by chance. Undefined: the route has none that could take it. */
export function drawDestination(
  exchange: Exchange,
  registry: Registry,
  random: () => number,
): CompiledDestination | undefined {
  const { route } = exchange;
  if (route === undefined) return undefined;
  const hasInstances = (destination: CompiledDestination): boolean =>
    candidatesFor(destination, destination.service ?? exchange.targetService, registry).length > 0;
  const drawn = chooseDestination(route, exchange.key, random(), hasInstances);
  // The share is decided first: a destination without instances is a refusal, not somebody else's share.
  if (drawn === undefined)
    throw MeshError.of("no-instance", `Route ${route.name}: no destination has an instance`, { origin: "router" });
  return drawn;
}

function candidatesFor(
  destination: CompiledDestination | undefined,
  service: string,
  registry: Registry,
): readonly Instance[] {
  const entry = registry.service(service);
  if (entry === undefined) return NOBODY;
  if (destination === undefined) return entry.serving;
  const kept = accepted.get(destination);
  if (kept !== undefined && kept.entry === entry && kept.epoch === entry.epoch) return kept.instances;
  const instances = entry.serving.filter((instance) => destination.accepts(instance.version, instance.tags));
  accepted.set(destination, { entry, epoch: entry.epoch, instances });
  return instances;
}
