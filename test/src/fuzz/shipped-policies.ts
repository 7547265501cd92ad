// The policy files this repository ships, which every fuzzed document begins as.
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { MeshDocument } from "@malla/sdk/contract";
import { parseDocuments } from "@malla/sdk/resources";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** Text of each file, in the order of their names. */
export const shippedPolicyFiles: readonly string[] = globSync("services/shop/policies*/*.yaml", { cwd: ROOT })
  .sort()
  .map((file) => readFileSync(`${ROOT}${file}`, "utf8"));

/** All their documents, valid and in normal form. */
export const shippedDocuments: readonly MeshDocument[] = shippedPolicyFiles.flatMap(
  (text) => parseDocuments(text, { file: "shipped" }).documents,
);

/** The path of a file by its path from the root of the checkout. */
export function checkoutPath(path: string): string {
  return `${ROOT}${path}`;
}
