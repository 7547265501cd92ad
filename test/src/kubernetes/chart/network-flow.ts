// Whether NetworkPolicies let a connection through, by the rules of their API: a pod that no policy selects takes and opens
// everything; one that is selected takes and opens what any of its policies allows. Only what the chart uses is known.
import type { Rendered } from "./chart.ts";

export interface FlowPod {
  readonly namespace: string;
  readonly namespaceLabels?: Labels;
  readonly labels: Labels;
}

type Labels = Readonly<Record<string, string>>;
type Selector = { readonly matchLabels?: Labels } | undefined;

interface Peer {
  readonly podSelector?: Selector;
  readonly namespaceSelector?: Selector;
  readonly ipBlock?: { readonly cidr: string };
}

interface Rule {
  readonly from?: readonly Peer[];
  readonly to?: readonly Peer[];
  readonly ports?: readonly { readonly port: number; readonly protocol: string }[];
}

/** Somewhere outside the cluster. */
export type Outside = "outside";

export function isAllowed(
  policies: readonly Rendered[],
  from: FlowPod | Outside,
  to: FlowPod | Outside,
  port: number,
): boolean {
  return side(policies, "Egress", from, to, port) && side(policies, "Ingress", to, from, port);
}

function side(
  policies: readonly Rendered[],
  type: "Ingress" | "Egress",
  pod: FlowPod | Outside,
  other: FlowPod | Outside,
  port: number,
): boolean {
  if (pod === "outside") return true;
  const selecting = policies.filter(
    ({ metadata, spec }) =>
      metadata.namespace === pod.namespace && spec.policyTypes.includes(type) && matches(spec.podSelector, pod.labels),
  );
  if (selecting.length === 0) return true;
  return selecting.some(({ metadata, spec }) =>
    ((type === "Ingress" ? spec.ingress : spec.egress) ?? []).some((rule: Rule) => {
      const peers = type === "Ingress" ? rule.from : rule.to;
      const portFits =
        rule.ports === undefined || rule.ports.some((one) => one.port === port && one.protocol === "TCP");
      return portFits && (peers === undefined || peers.some((peer) => fits(peer, other, metadata.namespace ?? "")));
    }),
  );
}

function fits(peer: Peer, other: FlowPod | Outside, ownNamespace: string): boolean {
  if (peer.ipBlock !== undefined) return other === "outside";
  if (other === "outside") return false;
  const namespaceFits =
    peer.namespaceSelector === undefined
      ? other.namespace === ownNamespace
      : matches(peer.namespaceSelector, other.namespaceLabels ?? {});
  return namespaceFits && matches(peer.podSelector, other.labels);
}

function matches(selector: Selector, labels: Labels): boolean {
  return Object.entries(selector?.matchLabels ?? {}).every(([name, value]) => labels[name] === value);
}
