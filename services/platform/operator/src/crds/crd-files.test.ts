import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { CRD_FOLDER, crdFiles } from "./crd-files.ts";

const folder = fileURLToPath(new URL(`../../../../../${CRD_FOLDER}/`, import.meta.url));

it("the CRDs of the chart are those of the schema; `npm run generate:crds` writes them", () => {
  const files = crdFiles();
  assert.deepEqual(readdirSync(folder).sort(), [...files.keys()].sort());
  for (const [name, text] of files) assert.equal(readFileSync(`${folder}${name}`, "utf8"), text, name);
});
