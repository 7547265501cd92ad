// A node as the control plane sees it: its object, its condition, and a Lease that is renewed while the agent lives.
import type { ApiClient } from "./api-client.ts";

const RENEW_MS = 10_000;
const LEASE_SECONDS = 40;
const LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";

export interface NodeIdentity {
  readonly name: string;
  /** Label topology.kubernetes.io/zone. */
  readonly zone: string;
  readonly address: string;
}

export const NODE_CAPACITY = { cpu: "16", memory: "32Gi", pods: "200", "ephemeral-storage": "100Gi" };

export class NodeRegistration {
  readonly #client: ApiClient;
  readonly #node: NodeIdentity;
  readonly #timer: NodeJS.Timeout;
  #renewing: Promise<unknown> = Promise.resolve();

  private constructor(client: ApiClient, node: NodeIdentity) {
    this.#client = client;
    this.#node = node;
    this.#timer = setInterval(() => {
      // The API server may be busy; the next one comes well before the Lease is over.
      this.#renewing = this.#renew().catch(() => undefined);
    }, RENEW_MS);
  }

  static async create(client: ApiClient, node: NodeIdentity): Promise<NodeRegistration> {
    const labels = {
      "kubernetes.io/hostname": node.name,
      "kubernetes.io/os": "linux",
      "kubernetes.io/arch": process.arch === "x64" ? "amd64" : process.arch,
      "topology.kubernetes.io/zone": node.zone,
    };
    await client.create("/api/v1/nodes", {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: node.name, labels },
      spec: {},
    });
    await client.create(LEASES, { ...leaseOf(node.name), metadata: { name: node.name, namespace: "kube-node-lease" } });
    await client.patch(`/api/v1/nodes/${node.name}/status`, { status: statusOf(node) });
    return new NodeRegistration(client, node);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#renewing;
  }

  async #renew(): Promise<void> {
    await this.#client.patch(`${LEASES}/${this.#node.name}`, leaseOf(this.#node.name), "merge");
  }
}

function leaseOf(name: string): object {
  const renewTime = new Date().toISOString().replace("Z", "000Z");
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    spec: { holderIdentity: name, leaseDurationSeconds: LEASE_SECONDS, renewTime },
  };
}

function statusOf({ name, address }: NodeIdentity): object {
  const now = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  const condition = (type: string, status: string, reason: string): object => ({
    type,
    status,
    reason,
    message: reason,
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  });
  return {
    capacity: NODE_CAPACITY,
    allocatable: NODE_CAPACITY,
    conditions: [
      condition("Ready", "True", "AgentIsReady"),
      condition("MemoryPressure", "False", "AgentHasSufficientMemory"),
      condition("DiskPressure", "False", "AgentHasNoDiskPressure"),
      condition("PIDPressure", "False", "AgentHasSufficientPIDs"),
    ],
    addresses: [
      { type: "InternalIP", address },
      { type: "Hostname", address: name },
    ],
  };
}
