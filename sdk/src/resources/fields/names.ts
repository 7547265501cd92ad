// Names and patterns of names. The spellings agree with `contract/names.ts`, which a test checks.
import { z } from "zod";
import { isIssuableName, RESERVED_NAMES, ROUTER_ID_PREFIX } from "../../contract/names.ts";
import { type Rule, withRules } from "./rules.ts";

const LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
const METHOD = "[A-Za-z][A-Za-z0-9_]{0,127}";
const A_LABEL = "1 to 63 lower-case letters, digits and dashes, with a letter or digit at both ends";

export interface WordShape {
  /** What RE2 and JavaScript read alike; anchored at both ends by whoever uses it. */
  readonly pattern: string;
  readonly maxLength: number;
  readonly what: string;
}

/** A word that matches a pattern over its whole length; `what` ends the sentence "must be …". */
export function word({ pattern, maxLength, what }: WordShape) {
  return z
    .string()
    .max(maxLength)
    .regex(new RegExp(`^${pattern}$`, "u"), { error: `must be ${what}` });
}

/** A DNS label. */
export function dnsLabel(what: string) {
  return word({ pattern: LABEL, maxLength: 63, what: `${what}: ${A_LABEL}` });
}

/** A service that credentials can be issued for: no reserved name, no router's name. */
export function serviceName() {
  const reserved = [...RESERVED_NAMES].map((name) => `'${name}'`).join(", ");
  return withRules(dnsLabel("the name of a service"), [
    {
      cel: `!(self in [${reserved}]) && !self.startsWith('${ROUTER_ID_PREFIX}')`,
      holds: (name) => isIssuableName(name, "service"),
      message: "is a reserved name, no service can carry it",
    },
  ]);
}

/** An exact principal, or a pattern with `*` for any characters. */
export function principalPattern() {
  const what = "the name of a principal, lower-case letters, digits and dashes, with * for any characters";
  return word({ pattern: "[a-z0-9*]([a-z0-9*-]{0,61}[a-z0-9*])?", maxLength: 63, what });
}

export function methodName() {
  return word({ pattern: METHOD, maxLength: 128, what: "the name of a method: a letter, then letters, digits and _" });
}

/** An exact method, or a pattern with `*` for any characters. */
export function methodPattern() {
  const what = "the name of a method, with * for any characters";
  return word({ pattern: "[A-Za-z*][A-Za-z0-9_*]{0,127}", maxLength: 128, what });
}

/** NATS wildcards over `<service>.<method>`: `*` is one whole token, `>` the rest. */
export function routeSubject() {
  const what = "<service>.<method> with NATS wildcards: * for a whole token, > for the rest";
  return word({ pattern: `(>|(\\*|${LABEL})\\.(\\*|>|${METHOD}))`, maxLength: 192, what });
}

export const HEADER_NAME: WordShape = {
  pattern: "[!#$%&'*+\\-.^_`|~0-9A-Za-z]{1,128}",
  maxLength: 128,
  what: "the name of a header: letters, digits and !#$%&'*+.^_`|~-",
};

export function headerName() {
  return word(HEADER_NAME);
}

export const TAG_NAME: WordShape = {
  pattern: "[A-Za-z0-9]([A-Za-z0-9._/-]{0,126}[A-Za-z0-9])?",
  maxLength: 128,
  what: "the name of a tag: letters, digits, dot, dash, _ and /, with a letter or digit at both ends",
};

export function tagName() {
  return word(TAG_NAME);
}

export function tagValue() {
  return word({ pattern: "\\P{Cc}{1,256}", maxLength: 256, what: "1 to 256 printable characters" });
}

/** The rule that every key of a map has a shape: a structural schema has no word for keys. */
export function keysHaveShape({ pattern, what }: WordShape): Rule<object> {
  const whole = `^${pattern}$`;
  const shape = new RegExp(whole, "u");
  return {
    cel: `self.all(key, key.matches(r"${whole}"))`,
    holds: (map) => Object.keys(map).every((key) => shape.test(key)),
    message: `each key must be ${what}`,
  };
}
