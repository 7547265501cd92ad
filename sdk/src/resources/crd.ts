// A kind as Kubernetes' CustomResourceDefinition, made from the one schema.
import { stringify } from "yaml";
import { API_VERSION, type Kind } from "../contract/documents.ts";
import { withBareOn } from "./bare-on.ts";
import { jsonSchemaFor, type StructuralSchema } from "./json-schema.ts";
import type { PrinterColumn } from "./kind-definition.ts";
import { API_GROUP, kindDefinition } from "./kinds.ts";
import { meshServiceDefinition, meshServiceSchema } from "./mesh-service.ts";

export interface CustomResourceDefinition {
  readonly apiVersion: "apiextensions.k8s.io/v1";
  readonly kind: "CustomResourceDefinition";
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly scope: "Namespaced";
    readonly names: {
      readonly kind: string;
      readonly listKind: string;
      readonly plural: string;
      readonly singular: string;
      readonly shortNames: readonly string[];
      readonly categories: readonly string[];
    };
    readonly versions: readonly CrdVersion[];
  };
}

export interface CrdVersion {
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
  readonly subresources: { readonly status: object };
  readonly additionalPrinterColumns: readonly CrdColumn[];
  readonly schema: { readonly openAPIV3Schema: StructuralSchema };
}

export interface CrdColumn {
  readonly name: string;
  readonly type: string;
  readonly jsonPath: string;
  /** 1: shown with `-o wide` alone. Else: always. */
  readonly priority?: number;
}

interface CrdParts {
  readonly kind: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly summary: string;
  readonly columns: readonly PrinterColumn[];
  readonly spec: StructuralSchema;
  readonly status: StructuralSchema;
}

/** The definition of a kind of policy, ready to be written as YAML or JSON. A new object each time. */
export function crdFor(kind: Kind): CustomResourceDefinition {
  const { spec } = jsonSchemaFor(kind).properties ?? {};
  if (spec === undefined) throw new TypeError(`the schema of ${kind} has no spec`);
  const { columns, ...definition } = kindDefinition(kind);
  return crdOf({
    ...definition,
    columns: [...columns, ...STATUS_COLUMNS],
    spec: withBareOn(spec),
    status: policyStatusSchema(),
  });
}

/** The definition of MeshService, which is no policy: it asks the operator for credentials. A new object each time. */
export function meshServiceCrd(): CustomResourceDefinition {
  return crdOf({ ...meshServiceDefinition, spec: meshServiceSchema(), status: meshServiceStatusSchema() });
}

/** As YAML, the way it is committed. */
export function formatCrd(definition: CustomResourceDefinition): string {
  return stringify(definition, { lineWidth: 0, aliasDuplicateObjects: false, version: "1.1" });
}

function crdOf({ kind, plural, shortNames, columns, ...parts }: CrdParts): CustomResourceDefinition {
  const names = {
    kind,
    listKind: `${kind}List`,
    plural,
    singular: kind.toLowerCase(),
    shortNames,
    categories: ["malla"],
  };
  const version: CrdVersion = {
    name: API_VERSION.slice(API_GROUP.length + 1),
    served: true,
    storage: true,
    subresources: { status: {} },
    additionalPrinterColumns: columns.map(crdColumn),
    schema: { openAPIV3Schema: rootSchema(parts) },
  };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${API_GROUP}` },
    spec: { group: API_GROUP, scope: "Namespaced", names, versions: [version] },
  };
}

const STATUS_COLUMNS: readonly PrinterColumn[] = [
  { name: "Accepted", type: "string", jsonPath: '.status.conditions[?(@.type=="Accepted")].status' },
  { name: "Programmed", type: "string", jsonPath: '.status.conditions[?(@.type=="Programmed")].status' },
  { name: "Revision", type: "integer", jsonPath: ".status.revision", wide: true },
  { name: "Reason", type: "string", jsonPath: '.status.conditions[?(@.type=="Accepted")].reason', wide: true },
  { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
];

function crdColumn({ name, type, jsonPath, wide }: PrinterColumn): CrdColumn {
  // A server drops a zero, and whoever applies it after somebody else, as Helm after kubectl, is then told of a conflict.
  return { name, type, jsonPath, ...(wide === true ? { priority: 1 } : {}) };
}

function rootSchema({ summary, spec, status }: Pick<CrdParts, "summary" | "spec" | "status">): StructuralSchema {
  return {
    type: "object",
    description: summary,
    ...(spec.required === undefined ? {} : { required: ["spec"] }),
    properties: {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      // Kubernetes has the schema of metadata itself and refuses another.
      metadata: { type: "object" },
      spec,
      status,
    },
    "x-kubernetes-validations": [
      {
        rule: "self.metadata.name.size() <= 63 && !self.metadata.name.contains('.')",
        message: "metadata.name must be a DNS label: at most 63 lower-case letters, digits and dashes",
      },
    ],
  };
}

function policyStatusSchema(): StructuralSchema {
  return {
    type: "object",
    description: "What became of the document; written by the mesh.",
    properties: {
      observedGeneration: {
        type: "integer",
        format: "int64",
        minimum: 0,
        description: "Generation the conditions are about.",
      },
      revision: {
        type: "integer",
        format: "int64",
        minimum: 0,
        description: "Revision of the mesh's policy that carries it.",
      },
      contentHash: { type: "string", maxLength: 64, description: "Key under which the mesh stores it." },
      conditions: conditionsSchema("Accepted: it is valid. Programmed: every router has it."),
    },
  };
}

function meshServiceStatusSchema(): StructuralSchema {
  return {
    type: "object",
    description: "What became of the credentials; written by the mesh.",
    properties: {
      observedGeneration: {
        type: "integer",
        format: "int64",
        minimum: 0,
        description: "Generation the conditions are about.",
      },
      secretName: { type: "string", maxLength: 253, description: "Secret that holds them, in the same namespace." },
      expiresAt: { type: "string", format: "date-time", description: "When they expire; others are issued before." },
      conditions: conditionsSchema("Accepted: the name is its own. Issued: the Secret is there."),
    },
  };
}

function conditionsSchema(description: string): StructuralSchema {
  return {
    type: "array",
    description,
    maxItems: 16,
    items: conditionSchema(),
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["type"],
  };
}

/** Bounds and patterns are those of Kubernetes' own `metav1.Condition`. */
function conditionSchema(): StructuralSchema {
  return {
    type: "object",
    required: ["type", "status", "lastTransitionTime", "reason", "message"],
    properties: {
      type: { type: "string", maxLength: 316 },
      status: { type: "string", enum: ["True", "False", "Unknown"] },
      observedGeneration: { type: "integer", format: "int64", minimum: 0 },
      lastTransitionTime: { type: "string", format: "date-time" },
      reason: { type: "string", minLength: 1, maxLength: 1024, pattern: "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$" },
      message: { type: "string", maxLength: 32_768 },
    },
  };
}
