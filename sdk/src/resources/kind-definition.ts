import type { z } from "zod";

/** One kind of resource: all there is to know about it besides what the engine does with it. */
export interface KindDefinition<Name extends string = string, Spec extends z.ZodType = z.ZodType> {
  readonly kind: Name;
  /** Lower case; what `malla get` and the Kubernetes API call a list of them. */
  readonly plural: string;
  readonly shortNames: readonly string[];
  /** Words that stand for several kinds at once, such as `policies`. */
  readonly groups: readonly string[];
  /** One sentence. */
  readonly summary: string;
  readonly spec: Spec;
  readonly columns: readonly PrinterColumn[];
  /** A document that shows the kind at work; validated by a test. */
  readonly example: string;
}

/** A column of `malla get` and `kubectl get`. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: "string" | "integer" | "boolean" | "date";
  /** Where the value stands, as Kubernetes writes it: `.spec.match.service`. */
  readonly jsonPath: string;
  /** Shown by `-o wide` only. */
  readonly wide?: boolean;
}

/** Keeps the exact types of a definition. */
export function defineKind<const Name extends string, Spec extends z.ZodType>(
  definition: KindDefinition<Name, Spec>,
): KindDefinition<Name, Spec> {
  return Object.freeze(definition);
}
