// `npm run generate:crds`: writes the CRDs of the chart, and takes away those of kinds that there are no more.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CRD_FOLDER, crdFiles } from "./crd-files.ts";

const folder = fileURLToPath(new URL(`../../../../../${CRD_FOLDER}/`, import.meta.url));
const files = crdFiles();
mkdirSync(folder, { recursive: true });
for (const name of readdirSync(folder)) if (!files.has(name)) rmSync(`${folder}${name}`);
for (const [name, text] of files) writeFileSync(`${folder}${name}`, text);
process.stdout.write(`${[...files.keys()].map((name) => `${CRD_FOLDER}/${name}`).join("\n")}\n`);
