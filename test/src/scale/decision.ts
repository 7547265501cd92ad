// What deciding one call costs: its Route, whether it is allowed, its destination and its instance.
import { chooseInstance, drawDestination, type Exchange } from "@malla/sdk/call";
import { authorize, type CallFacts, compile, matchRoute, settingsOf } from "@malla/sdk/engine";
import { exchangeOf, seededRandom } from "@malla/sdk/testing";
import { leastCpuMs } from "./cpu.ts";
import {
  documentsOf,
  LARGE,
  LARGE_ON_ONE,
  METHODS,
  PRINCIPALS,
  registryOf,
  type Size,
  SMALL,
  serviceName,
} from "./world.ts";

export interface Decision {
  readonly what: string;
  readonly microsPerCall: number;
  readonly ratio: number;
}

/** Different calls in turn, of which some dozens are what a router has in its hands at a time. */
const CALLS = 100;
const CALLS_A_ROUND = 20_000;
const ROUNDS = 40;

export function measureDecisions(): readonly Decision[] {
  const small = decisionMicros(SMALL, CALLS, 1);
  const row = (what: string, size: Size, calls: number, called = size.services): Decision => {
    const micros = size === SMALL ? small : decisionMicros(size, calls, called);
    return { what, microsPerCall: micros, ratio: micros / small };
  };
  return [
    row("10 rules, 10 instances, 1 service", SMALL, CALLS),
    row("10,000 rules, 10,000 instances, 1,000 services, the same calls", LARGE, CALLS, 1),
    row("100 different calls to 100 of the services", LARGE, CALLS),
    row("all rules and instances on one service", LARGE_ON_ONE, CALLS),
    row("10,000 different calls in turn, to 1,000 services: every one out of cold memory", LARGE, 10_000),
  ];
}

/** `called`: services that are called. */
function decisionMicros(size: Size, calls: number, called: number): number {
  const { policy } = compile(documentsOf(size), 1);
  const registry = registryOf(size);
  const random = seededRandom(1);
  const exchanges = Array.from({ length: calls }, (_, i): [Exchange, CallFacts] => {
    const principal = PRINCIPALS[i % PRINCIPALS.length] as string;
    const method = METHODS[i % METHODS.length] as string;
    const service = serviceName((i * 7) % called);
    const facts = { principal, service, method, header: () => undefined };
    return [exchangeOf(0, { principal, service, method }, policy), facts];
  });
  let decided = 0;
  const round = (): void => {
    for (let i = 0; i < CALLS_A_ROUND; i++) {
      const [exchange, facts] = exchanges[i % calls] as [Exchange, CallFacts];
      exchange.route = matchRoute(policy, facts);
      exchange.settings = settingsOf(policy, exchange.service, exchange.route);
      if (!authorize(policy, facts).allowed) continue;
      const destination = drawDestination(exchange, registry, random);
      if (chooseInstance(exchange, destination, [], registry, 1, random).instance !== undefined) decided++;
    }
  };
  const ms = leastCpuMs(ROUNDS, round);
  if (decided === 0) throw new Error("no call was decided");
  return (ms * 1_000) / CALLS_A_ROUND;
}
