// CRDs of the Gateway API without its schema: groups, kinds and the status of its own, which is all the operator relies on.
import { eventually } from "../../harness/index.ts";
import type { ApiServer } from "../harness/index.ts";

const GROUP = "gateway.networking.k8s.io";
const OPEN = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

function crd(kind: string, version: string): object {
  const singular = kind.toLowerCase();
  const name = `${singular}s.${GROUP}`;
  const properties = { spec: OPEN, status: OPEN };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    // The API asks for a reference where a group of Kubernetes' own is defined.
    metadata: { name, annotations: { "api-approved.kubernetes.io": "unapproved, of a test" } },
    spec: {
      group: GROUP,
      scope: "Namespaced",
      names: { kind, plural: `${singular}s`, singular },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: { openAPIV3Schema: { type: "object", properties } },
        },
      ],
    },
  };
}

/** Installs them and resolves when the API serves them. */
export async function applyGatewayCrds(api: ApiServer): Promise<void> {
  const items = [crd("HTTPRoute", "v1"), crd("GRPCRoute", "v1"), crd("ReferenceGrant", "v1beta1")];
  await api.must(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  await eventually(
    async () => {
      for (const plural of ["httproutes", "grpcroutes", "referencegrants"])
        await api.must(["get", `${plural}.${GROUP}`, "-A"]);
    },
    { withinMs: 20_000, everyMs: 200 },
  );
}
