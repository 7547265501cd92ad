// `npm run generate:manifest`: writes broker-config/kubernetes/malla.yaml from the chart.
import { writeFile } from "node:fs/promises";
import { findKubernetes } from "../harness/index.ts";
import { MANIFEST, renderManifest } from "./render-manifest.ts";

const binaries = findKubernetes();
if ("missing" in binaries) {
  process.stderr.write(`${binaries.missing}\n`);
  process.exitCode = 1;
} else {
  await writeFile(MANIFEST, await renderManifest(binaries.helm));
}
