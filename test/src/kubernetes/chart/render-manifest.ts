// The plain manifest for people without Helm: the chart rendered with the small set of values.
import { KUBERNETES_FOLDER, renderText } from "./chart.ts";

export const MANIFEST = `${KUBERNETES_FOLDER}/malla.yaml`;

const HEADER = `# Generated from the chart and values-small.yaml by \`npm run generate:manifest\`: the mesh for namespace mesh, without Helm.
#   kubectl create namespace mesh
#   kubectl apply --server-side -f chart/crds
#   kubectl apply --server-side -f malla.yaml
`;

export async function renderManifest(helm: string): Promise<string> {
  return `${HEADER}${await renderText({ helm, file: "values-small.yaml" })}`;
}
