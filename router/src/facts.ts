// A call as the engine sees it, over an exchange.
import type { Exchange } from "@malla/sdk/call";
import { headerValue } from "@malla/sdk/contract";
import type { CallFacts } from "@malla/sdk/engine";

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
