// Names and patterns of names. The spellings agree with `contract/names.ts`, which a test checks.
import { z } from "zod";
import { isIssuableName, RESERVED_NAMES, ROUTER_ID_PREFIX } from "../../contract/names.ts";
import { withRules } from "./rules.ts";

const LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
const METHOD = "[A-Za-z][A-Za-z0-9_]{0,127}";
const A_LABEL = "1 to 63 lower-case letters, digits and dashes, with a letter or digit at both ends";

interface WordShape {
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

export function headerName() {
  const what = "the name of a header: letters, digits and !#$%&'*+.^_`|~-";
  return word({ pattern: "[!#$%&'*+\\-.^_`|~0-9A-Za-z]{1,128}", maxLength: 128, what });
}

export function tagName() {
  const what = "the name of a tag: letters, digits, dot, dash, _ and /, with a letter or digit at both ends";
  return word({ pattern: "[A-Za-z0-9]([A-Za-z0-9._/-]{0,126}[A-Za-z0-9])?", maxLength: 128, what });
}

export function tagValue() {
  return word({ pattern: "\\P{Cc}{1,256}", maxLength: 256, what: "1 to 256 printable characters" });
}
