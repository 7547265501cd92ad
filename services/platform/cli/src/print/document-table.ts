// Documents as tables, with the columns of their kind.
import type { MeshDocument } from "@malla/sdk/contract";
import { kindDefinition } from "@malla/sdk/resources";
import { formatTable } from "./table.ts";

/** One table for each kind among them. */
export function documentTable(documents: readonly MeshDocument[], wide: boolean): string {
  if (documents.length === 0) return "there are none";
  const kinds = [...new Set(documents.map(({ kind }) => kind))];
  return kinds
    .map((kind) => {
      const columns = kindDefinition(kind).columns.filter((column) => wide || column.wide !== true);
      const own = documents.filter((document) => document.kind === kind);
      return formatTable(
        [kind.toUpperCase(), ...columns.map((column) => column.name.toUpperCase())],
        own.map((document) => [document.metadata.name, ...columns.map((column) => valueAt(document, column.jsonPath))]),
      );
    })
    .join("\n\n");
}

/** The value at a path as printer columns write it, `.spec.match.service`; `-` if there is none. */
export function valueAt(document: unknown, path: string): string {
  let value: unknown = document;
  for (const part of path.split(".").filter((step) => step !== "")) {
    const [, name, index] = /^([^[]*)(?:\[(\d+|\*)\])?$/.exec(part) ?? [];
    value = (value as Record<string, unknown> | undefined)?.[name as string];
    if (index !== undefined && Array.isArray(value)) value = index === "*" ? value : value[Number(index)];
  }
  if (value === undefined || value === null) return "-";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
