// MeshService: asks for the credentials of a service on Kubernetes. No policy, so the mesh itself never stores one.
import { z } from "zod";
import { setOf } from "./fields/collections.ts";
import { serviceName, word } from "./fields/names.ts";
import { count } from "./fields/numbers.ts";
import { withRules } from "./fields/rules.ts";
import { type StructuralSchema, structuralSchemaOf } from "./json-schema.ts";
import type { PrinterColumn } from "./kind-definition.ts";

/** Longest life of credentials, in hours: a month. */
const MAX_LIFETIME_HOURS = 720;
/** Accounts of the mesh, in which no application lives. */
const ACCOUNTS_OF_THE_MESH = ["MESH", "CTRL", "DURABLE", "FUNC", "SYS", "APPLICATION"];

function applicationName() {
  const what = "the name of an application account: up to 32 of A-Z, 0-9, _ and -, with a letter first";
  return withRules(word({ pattern: "[A-Z][A-Z0-9_-]{0,31}", maxLength: 32, what }), [
    {
      cel: `!(self in [${ACCOUNTS_OF_THE_MESH.map((name) => `'${name}'`).join(", ")}])`,
      holds: (name) => !ACCOUNTS_OF_THE_MESH.includes(name),
      message: "is an account of the mesh",
    },
  ]);
}

const shape = z.strictObject({
  service: serviceName()
    .describe("The service whose credentials are wanted. Absent: the name of this.")
    .exactOptional(),
  role: z
    .enum(["service", "direct"])
    .default("service")
    .describe("`direct` may call the services of `directTo` past the router."),
  directTo: setOf(serviceName(), { max: 256 })
    .describe("With role `direct`: services that may be called past the router.")
    .exactOptional(),
  application: applicationName()
    .describe("Application account in which credentials are wanted too, for state of its own.")
    .exactOptional(),
  lifetimeHours: count(1, MAX_LIFETIME_HOURS)
    .default(24)
    .describe("Life of the credentials; others are issued at two thirds of it."),
});

const spec = withRules(shape, [
  {
    cel: "!has(self.directTo) || self.role == 'direct'",
    holds: ({ directTo, role }) => directTo === undefined || role === "direct",
    message: "directTo is for role direct only",
    at: "directTo",
  },
]);

/** `spec` as the API server stores it, defaults filled in. */
export type MeshServiceSpec = z.output<typeof spec>;

export const meshServiceDefinition = {
  kind: "MeshService",
  plural: "meshservices",
  shortNames: ["mms"],
  summary: "A service of the mesh in this namespace: its credentials are kept in a Secret and renewed.",
  columns: [
    { name: "Service", type: "string", jsonPath: ".spec.service" },
    { name: "Role", type: "string", jsonPath: ".spec.role" },
    { name: "Secret", type: "string", jsonPath: ".status.secretName" },
    { name: "Issued", type: "string", jsonPath: '.status.conditions[?(@.type=="Issued")].status' },
    { name: "Expires", type: "string", jsonPath: ".status.expiresAt", wide: true },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  ],
  example: `apiVersion: malla.dev/v1
kind: MeshService
metadata:
  name: orders
spec:
  role: direct
  directTo: [inventory]
  application: SHOP
`,
} as const satisfies {
  readonly kind: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly summary: string;
  readonly columns: readonly PrinterColumn[];
  readonly example: string;
};

/** Schema of `spec`. A new object each time. */
export function meshServiceSchema(): StructuralSchema {
  return structuralSchemaOf(spec);
}

/** `spec` with its defaults, or undefined if it is wrong: the API server has checked what it stored. */
export function readMeshServiceSpec(value: unknown): MeshServiceSpec | undefined {
  const result = spec.safeParse(value ?? {});
  return result.success ? result.data : undefined;
}
