import { z } from "zod";
import { mapOf } from "./collections.ts";
import { HEADER_NAME, headerName, keysHaveShape } from "./names.ts";
import { regexProblem } from "./regex.ts";
import { exactlyOneOf, withRules } from "./rules.ts";

const MAX_VALUE_LENGTH = 1024;
const MAX_HEADERS = 32;

function headerValue() {
  return z
    .string()
    .max(MAX_VALUE_LENGTH)
    .regex(/^[\t\P{Cc}]*$/u, { error: "must have no control characters, no header can hold them" });
}

function regex() {
  return z
    .string()
    .min(1)
    .max(256)
    .superRefine((source, context) => {
      const message = regexProblem(source);
      if (message !== undefined) context.addIssue({ code: "custom", message });
    });
}

function stringMatch() {
  const shape = z
    .strictObject({
      exact: headerValue().describe("The whole value, case counts.").exactOptional(),
      prefix: headerValue().min(1).describe("How the value begins.").exactOptional(),
      regex: regex()
        .describe("A regular expression over the whole value: RE2 syntax, no look-around, no back-references.")
        .exactOptional(),
      present: z.boolean().describe("Whether the header is there at all, whatever its value.").exactOptional(),
    })
    .meta({ "x-kubernetes-map-type": "atomic" });
  return withRules(shape, [exactlyOneOf(["exact", "prefix", "regex", "present"])]);
}

/** Header name (any case, kept in lower case) to what its value must be; all must hold. */
export function headerMatches() {
  const map = mapOf({ key: headerName(), value: stringMatch(), max: MAX_HEADERS, ignoreCase: true });
  return withRules(map, [keysHaveShape(HEADER_NAME)]);
}
