// A call as the engine sees it, over an exchange.
import { headerValue } from "../contract/index.ts";
import type { CallFacts } from "../engine/index.ts";
import type { Exchange } from "./exchange.ts";

/** The call as it was made: what a Route matches. */
export function calledFacts(exchange: Exchange): CallFacts {
  return {
    principal: exchange.principal,
    service: exchange.service,
    method: exchange.method,
    header: (name) => headerValue(exchange.headers, name),
  };
}

/** The call as it will run, at one of its final services: what an AccessPolicy judges. */
export function finalFacts(exchange: Exchange, service: string): CallFacts {
  return {
    principal: exchange.principal,
    service,
    method: exchange.targetMethod,
    header: (name) => headerValue(exchange.headers, name),
  };
}
