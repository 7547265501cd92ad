// A call as the engine sees it, over an exchange.
import { headerValue } from "../contract/index.ts";
import type { CallFacts } from "../engine/index.ts";
import type { Exchange } from "./exchange.ts";

class ExchangeFacts implements CallFacts {
  readonly principal: string;
  readonly service: string;
  readonly method: string;
  readonly #exchange: Exchange;

  constructor(exchange: Exchange, service: string, method: string) {
    this.principal = exchange.principal;
    this.service = service;
    this.method = method;
    this.#exchange = exchange;
  }

  header(name: string): string | undefined {
    return headerValue(this.#exchange.headers, name);
  }
}

/** The call as it was made: what a Route matches. */
export function calledFacts(exchange: Exchange): CallFacts {
  return new ExchangeFacts(exchange, exchange.service, exchange.method);
}

/** The call as it will run, at one of its final services: what an AccessPolicy judges. */
export function finalFacts(exchange: Exchange, service: string): CallFacts {
  return new ExchangeFacts(exchange, service, exchange.targetMethod);
}
