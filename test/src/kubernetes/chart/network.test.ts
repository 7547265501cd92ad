// Who may reach whom with the chart's NetworkPolicies: only NATS is reachable, and only from the mesh.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CLIENT_LABEL } from "@malla/operator";
import { kubernetesOrSkip } from "../harness/index.ts";
import { NAMESPACE, podTemplates, type Rendered, render } from "./chart.ts";
import { type FlowPod, isAllowed, type Outside } from "./network-flow.ts";

const { skip, binaries } = kubernetesOrSkip();
const helm = skip === false ? binaries().helm : "";

const CLIENT = { [CLIENT_LABEL]: "true" };
const MESH = { "malla.dev/mesh": "true" };
const OTHERS: Readonly<Record<string, FlowPod | Outside>> = {
  orders: { namespace: "shop", namespaceLabels: MESH, labels: CLIENT },
  unlabelledPod: { namespace: "shop", namespaceLabels: MESH, labels: { app: "web" } },
  unlabelledNamespace: { namespace: "elsewhere", labels: CLIENT },
  neighbour: { namespace: NAMESPACE, labels: { app: "web" } },
  localClient: { namespace: NAMESPACE, labels: CLIENT },
  prometheus: {
    namespace: "monitoring",
    namespaceLabels: { "kubernetes.io/metadata.name": "monitoring" },
    labels: { app: "prometheus" },
  },
  outside: "outside",
};

const ALLOWED: readonly string[] = [
  ...["orders", "localClient", "router", "operator", "streams", "shop"].map((from) => `${from} → nats:4222`),
  "nats → nats:6222",
  "prometheus → nats:8222",
  "prometheus → nats:7777",
  "prometheus → router:9464",
  "prometheus → operator:9465",
  ...["keys", "operator"].flatMap((from) => [`${from} → outside:443`, `${from} → outside:6443`]),
];
const PORTS = [80, 443, 4222, 6222, 6443, 7222, 7422, 7777, 8222, 9464, 9465];

describe("the chart's NetworkPolicies", { skip }, () => {
  test("let through what the mesh needs, and nothing else", async () => {
    // Without its address the API server may be anywhere on its ports.
    const networkPolicy = { apiServer: [{ ipBlock: { cidr: "198.51.100.1/32" } }] };
    const values = { shop: { enabled: true }, networkPolicy };
    const objects = await render({ helm, file: "values-production.yaml", values });
    const reached = flows(objects, OTHERS);
    assert.deepEqual(reached, [...ALLOWED].sort());
  });

  test("let other regions and edges in where they are named, and the collector be reached where it is", async () => {
    const remotes = [{ ipBlock: { cidr: "203.0.113.0/24" } }];
    const values = {
      networkPolicy: { remotes },
      router: { tracing: { endpoint: "http://collector.example:4318/v1" } },
    };
    const objects = await render({ helm, file: "values-production.yaml", values });
    const reached = flows(objects, { outside: "outside" }, [...PORTS, 4318]).filter((flow) => /outside/.test(flow));
    const more = [
      "outside → nats:7222",
      "outside → nats:7422",
      ...[...PORTS, 4318].map((port) => `nats → outside:${port}`),
      "router → outside:4318",
    ];
    assert.deepEqual(reached, [...ALLOWED.filter((flow) => /outside/.test(flow)), ...more].sort());
  });

  test("reach DNS and the API server on the ports that a cluster has for them", async () => {
    const networkPolicy = { dnsPorts: [5353], apiServerPorts: [8443] };
    const objects = await render({ helm, file: "values-production.yaml", values: { networkPolicy } });
    const reached = flows(objects, { outside: "outside" }, [53, 443, 5353, 6443, 8443]);
    const own = ["keys", "nats", "operator", "router", "streams"].map((from) => `${from} → outside:5353`);
    assert.deepEqual(reached, [...own, "keys → outside:8443", "operator → outside:8443"].sort());
  });

  test("select every pod of the chart, so that none is forgotten", async () => {
    const objects = await render({ helm, file: "values-production.yaml", values: { shop: { enabled: true } } });
    const deny = objects.find(({ metadata }) => metadata.name === "malla-default-deny");
    for (const { owner, template } of podTemplates(objects)) {
      for (const [name, value] of Object.entries(deny?.["spec"].podSelector.matchLabels))
        assert.equal(template.metadata.labels?.[name], value, owner);
    }
  });
});

/** Every connection that is let through, as `from → to:port`. */
function flows(
  objects: readonly Rendered[],
  others: Readonly<Record<string, FlowPod | Outside>>,
  ports: readonly number[] = PORTS,
): string[] {
  const policies = objects.filter(({ kind }) => kind === "NetworkPolicy");
  const own = podTemplates(objects).map(({ template }) => {
    const labels = template.metadata.labels as Record<string, string>;
    return [labels["app.kubernetes.io/component"] as string, { namespace: NAMESPACE, labels }] as const;
  });
  const ours: Readonly<Record<string, FlowPod>> = Object.fromEntries(own);
  const all = { ...others, ...ours };
  const found = Object.entries(all).flatMap(([from, source]) =>
    Object.entries(all).flatMap(([to, target]) =>
      // Others are governed by policies of their own.
      ours[from] === undefined && ours[to] === undefined
        ? []
        : ports.filter((port) => isAllowed(policies, source, target, port)).map((port) => `${from} → ${to}:${port}`),
    ),
  );
  return found.sort();
}
