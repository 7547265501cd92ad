// Checks that tie fields together, said twice from one place: as a check of ours and as a CEL rule for Kubernetes.
import type { z } from "zod";

export interface Rule<Value> {
  /** The check in CEL over `self`; must agree with `holds`. */
  readonly cel: string;
  readonly holds: (value: Value) => boolean;
  readonly message: string;
  /** Field of `self` the message is about; absent: `self`. */
  readonly at?: string;
}

/** A value that is wrong in itself is not held to rules as well. */
const ONLY_IF_SOUND = { when: ({ issues }: z.core.ParsePayload): boolean => issues.length === 0 };

/** The schema with rules added. What the metadata already said, other rules too, is kept. */
export function withRules<Schema extends z.ZodType>(schema: Schema, rules: readonly Rule<z.output<Schema>>[]): Schema {
  const checked = schema.superRefine((value, context) => {
    for (const { holds, message, at } of rules) {
      if (!holds(value)) context.addIssue({ code: "custom", message, path: at === undefined ? [] : [at] });
    }
  }, ONLY_IF_SOUND);
  const meta = checked.meta() ?? {};
  const before = (meta["x-kubernetes-validations"] as object[] | undefined) ?? [];
  const added = rules.map(({ cel, message, at }) => ({
    rule: cel,
    message,
    ...(at === undefined ? {} : { fieldPath: `.${at}` }),
  }));
  return checked.meta({ ...meta, "x-kubernetes-validations": [...before, ...added] });
}

/** The rule that exactly one of some optional fields is set. */
export function exactlyOneOf(names: readonly string[]): Rule<object> {
  const count = names.map((name) => `(has(self.${name}) ? 1 : 0)`).join(" + ");
  return {
    cel: `${count} == 1`,
    holds: (value) => names.filter((name) => Object.hasOwn(value, name)).length === 1,
    message: `set exactly one of ${names.join(", ")}`,
  };
}
