// JSON Schema of a kind, made from the one schema. Structural as Kubernetes wants it: types everywhere, no unions,
// no references; `additionalProperties` only where a map is meant.
import { z } from "zod";
import type { Kind } from "../contract/documents.ts";
import { documentSchema } from "./kinds.ts";

/** The part of JSON Schema that comes out; keys `x-kubernetes-*` carry what only Kubernetes reads. */
export interface StructuralSchema {
  type: "object" | "array" | "string" | "integer" | "number" | "boolean";
  description?: string;
  default?: unknown;
  enum?: readonly unknown[];
  pattern?: string;
  format?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  minProperties?: number;
  maxProperties?: number;
  items?: StructuralSchema;
  properties?: Record<string, StructuralSchema>;
  additionalProperties?: StructuralSchema;
  required?: string[];
  "x-kubernetes-validations"?: readonly KubernetesRule[];
  "x-kubernetes-list-type"?: "set" | "atomic" | "map";
  "x-kubernetes-list-map-keys"?: readonly string[];
  "x-kubernetes-map-type"?: "atomic" | "granular";
}

/** A rule in CEL. */
export interface KubernetesRule {
  readonly rule: string;
  readonly message: string;
  readonly fieldPath?: string;
}

/** Schema of a whole document as its author writes it, for editors and for CRDs. A new object each time. */
export function jsonSchemaFor(kind: Kind): StructuralSchema {
  return structuralSchemaOf(documentSchema(kind));
}

/** Any schema of ours in that form. A new object each time. */
export function structuralSchemaOf(schema: z.ZodType): StructuralSchema {
  const made = z.toJSONSchema(schema, { target: "openapi-3.0", io: "input", reused: "inline" });
  return opened(made as unknown as StructuralSchema);
}

/** Kubernetes prunes unknown fields itself and refuses `additionalProperties: false`. */
function opened(schema: StructuralSchema): StructuralSchema {
  const { properties, items, additionalProperties, ...rest } = schema;
  const open: StructuralSchema = rest;
  if (properties !== undefined) {
    open.properties = Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, opened(value)]));
  }
  if (items !== undefined) open.items = opened(items);
  if (typeof additionalProperties === "object") open.additionalProperties = opened(additionalProperties);
  return open;
}
