// Resources: what people write in YAML, checked and brought into one form. Needs zod and yaml, so the main entry of
// the SDK never loads it.
export {
  type CrdColumn,
  type CrdVersion,
  type CustomResourceDefinition,
  crdFor,
  formatCrd,
  meshServiceCrd,
} from "./crd.ts";
export type { FieldProblem } from "./describe-issue.ts";
export { type DocumentChange, diffDocuments, type FieldChange, formatDiff } from "./diff.ts";
export { type FieldPath, formatFieldPath } from "./field-path.ts";
export { formatProblem, formatProblemWithSource } from "./format-problem.ts";
export { jsonSchemaFor, type KubernetesRule, type StructuralSchema } from "./json-schema.ts";
export type { KindDefinition, PrinterColumn } from "./kind-definition.ts";
export {
  API_GROUP,
  isKind,
  kindDefinition,
  kindDefinitions,
  kindWords,
  nearestKindWord,
  resolveKinds,
} from "./kinds.ts";
export {
  type MeshServiceSpec,
  meshServiceDefinition,
  meshServiceSchema,
  readMeshServiceSpec,
} from "./mesh-service.ts";
export { nearestName } from "./nearest-name.ts";
export { asWritten, canonicalBytes, contentHash, documentName, normaliseDocument, toYaml } from "./normalise.ts";
export {
  describeOwner,
  formatOwner,
  type KubernetesOwner,
  kubectlEdit,
  OWNER_ANNOTATION,
  ownerOf,
  parseOwner,
  withOwner,
} from "./owner.ts";
export {
  type DocumentEntry,
  MAX_DOCUMENT_BYTES,
  MAX_FILE_BYTES,
  MAX_PROBLEMS,
  type ParsedDocuments,
  type ParseOptions,
  parseDocuments,
  type ResourceProblem,
} from "./parse-yaml.ts";
export { renderReference } from "./reference-docs.ts";
export { type Validated, type ValidateOptions, validateDocument } from "./validate.ts";
