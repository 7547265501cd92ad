// `npm run generate:manifest`: writes the digest of the servers' settings into the chart, and broker-config/kubernetes/malla.yaml
// from it.
import { writeFile } from "node:fs/promises";
import { findKubernetes } from "../harness/index.ts";
import { MANIFEST, renderManifest } from "./render-manifest.ts";
import { SETTINGS_DIGEST, settingsDigest } from "./server-settings.ts";

const binaries = findKubernetes();
if ("missing" in binaries) {
  process.stderr.write(`${binaries.missing}\n`);
  process.exitCode = 1;
} else {
  await writeFile(SETTINGS_DIGEST, await settingsDigest());
  await writeFile(MANIFEST, await renderManifest(binaries.helm));
}
