// The kinds there are. A new kind is a file in kinds/, its types in contract/documents.ts, and one line here.
import { z } from "zod";
import { API_VERSION, type Kind, type MeshDocument, type Metadata } from "../contract/documents.ts";
import type { KindDefinition } from "./kind-definition.ts";
import { accessPolicyKind } from "./kinds/access-policy.ts";
import { routeKind } from "./kinds/route.ts";
import { servicePolicyKind } from "./kinds/service-policy.ts";
import { metadataSchema } from "./metadata.ts";
import { nearestName } from "./nearest-name.ts";

const definitions = {
  Route: routeKind,
  ServicePolicy: servicePolicyKind,
  AccessPolicy: accessPolicyKind,
} as const satisfies { [Name in Kind]: KindDefinition<Name> };

// The proof that validation yields exactly the types of the contract: this file does not compile if a schema has a
// field more, a field less, or one of another type.
type DeepReadonly<T> = T extends object ? { readonly [Name in keyof T]: DeepReadonly<T[Name]> } : T;
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Proven<A, B> = Same<DeepReadonly<A>, DeepReadonly<B>>;
type SpecOf<Name extends Kind> = Extract<MeshDocument, { readonly kind: Name }>["spec"];
const proof: { readonly [Name in Kind]: Proven<z.output<(typeof definitions)[Name]["spec"]>, SpecOf<Name>> } & {
  readonly metadata: Proven<z.output<typeof metadataSchema>, Metadata>;
} = { Route: true, ServicePolicy: true, AccessPolicy: true, metadata: true };
void proof;

/** Group of the resources' API, as Kubernetes sees it. */
export const API_GROUP = API_VERSION.slice(0, API_VERSION.indexOf("/"));
/** Every kind, in the order in which they are shown. */
export const kindDefinitions: readonly KindDefinition<Kind>[] = Object.values(definitions);

export function kindDefinition(kind: Kind): KindDefinition<Kind> {
  return definitions[kind];
}

export function isKind(name: unknown): name is Kind {
  return typeof name === "string" && Object.hasOwn(definitions, name);
}

const documentSchemas = new Map<Kind, z.ZodType<MeshDocument>>(
  kindDefinitions.map(({ kind, spec }) => [kind, documentSchemaOf(kind, spec)]),
);

/** The schema of a whole document of a kind. */
export function documentSchema(kind: Kind): z.ZodType<MeshDocument> {
  return documentSchemas.get(kind) as z.ZodType<MeshDocument>;
}

function documentSchemaOf(kind: Kind, spec: z.ZodType): z.ZodType<MeshDocument> {
  const schema = z.strictObject({
    apiVersion: z.literal(API_VERSION).describe("Version of this syntax."),
    kind: z.literal(kind).describe("What the document is."),
    metadata: metadataSchema.describe("Name, labels and notes."),
    spec: spec.describe("What it says."),
  });
  return schema as unknown as z.ZodType<MeshDocument>;
}

/**
 * The kinds that a word on the command line stands for: a kind in any case (`Route`), its plural or short names
 * (`routes`, `mrt`), a group (`policies`), or `all`. Undefined if it is none of them.
 */
export function resolveKinds(name: string): readonly Kind[] | undefined {
  const wanted = name.toLowerCase();
  const found = kindDefinitions.filter((definition) => wanted === "all" || namesOf(definition).includes(wanted));
  return found.length === 0 ? undefined : found.map(({ kind }) => kind);
}

/** Every word that `resolveKinds` takes, the plurals first: for help and completion. */
export function kindWords(): readonly string[] {
  const groups = kindDefinitions.flatMap((definition) => definition.groups);
  const short = kindDefinitions.flatMap((definition) => definition.shortNames);
  return [...kindDefinitions.map(({ plural }) => plural), ...new Set(groups), "all", ...short];
}

/** What was probably meant by a word that names no kind. */
export function nearestKindWord(name: string): string | undefined {
  return nearestName(name, kindWords());
}

function namesOf({ kind, plural, shortNames, groups }: KindDefinition): readonly string[] {
  return [kind.toLowerCase(), plural, ...shortNames, ...groups];
}
