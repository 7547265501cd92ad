// The chart with its shop, installed in a cluster of the tests, and what its shoppers see.
import { fileURLToPath } from "node:url";
import { eventually } from "../../harness/index.ts";
import type { KubernetesCluster } from "../harness/index.ts";

const CHART = fileURLToPath(new URL("../../../../broker-config/kubernetes/chart", import.meta.url));
const VALUES = fileURLToPath(new URL("../../../../broker-config/kubernetes/chart/values-small.yaml", import.meta.url));
export const NAMESPACE = "mesh";
const RELEASE = "malla";
const METRICS_PORT = 9464;
const INSTALL_SECONDS = 240;
/** More than the longest line of a count. */
const KEPT_LOG_BYTES = 64 * 1024;
/** For each server a lame duck of 40 s at most, and the time until it has caught up. */
const ROLLED = { withinMs: 240_000, everyMs: 500 };
const WITHIN = { withinMs: 120_000, everyMs: 200 };

/** The shoppers' own count, as services/shop/src/load writes it, a line a second. */
export interface ShoppersCount {
  readonly calls: number;
  readonly succeeded: number;
  /** The shop's own no, such as a card that is declined. */
  readonly refused: number;
  /** Lost by the mesh, or refused by it. */
  readonly failed: number;
  readonly failures: Readonly<Record<string, number>>;
}

export class InstalledShop {
  readonly #cluster: KubernetesCluster;

  private constructor(cluster: KubernetesCluster) {
    this.#cluster = cluster;
  }

  /** `helm install` with the small values and nothing else but `set`; resolves when everything is ready. */
  static async install(cluster: KubernetesCluster, set: readonly string[]): Promise<InstalledShop> {
    const settings = set.flatMap((setting) => ["--set", setting]);
    const wait = ["--wait", "--timeout", `${INSTALL_SECONDS}s`];
    const where = ["--namespace", NAMESPACE, "--create-namespace"];
    const args = ["install", RELEASE, CHART, "--values", VALUES, ...where, ...wait, ...settings];
    await cluster.explain(async () => {
      const { code, stdout, stderr } = await cluster.api.helm(args);
      if (code !== 0) throw new Error(`helm ${args.join(" ")} ended with ${code}: ${stderr}${stdout}`);
    });
    return new InstalledShop(cluster);
  }

  /** What the shoppers have counted since they came; waits for their first count. */
  async shoppers(): Promise<ShoppersCount> {
    return await this.#cluster.explain(() => eventually(() => this.#lastCount(), WITHIN));
  }

  async #lastCount(): Promise<ShoppersCount> {
    const logs = await this.#cluster.agent.logs(`${NAMESPACE}.${RELEASE}-shop-shoppers-`, KEPT_LOG_BYTES);
    const lines = [...logs.values()].flatMap((text) =>
      text.split("\n").filter((line) => /^\{"type":"load".*\}$/.test(line)),
    );
    const last = lines.at(-1);
    if (last === undefined) throw new Error("the shoppers have written no count");
    return JSON.parse(last) as ShoppersCount;
  }

  /** Resolves when the shoppers have made so many more calls. */
  async shopOn(calls: number): Promise<ShoppersCount> {
    const { calls: before } = await this.shoppers();
    return await this.#cluster.explain(() =>
      eventually(async () => {
        const now = await this.#lastCount();
        if (now.calls - before < calls) throw new Error(`the shoppers made ${now.calls - before} calls, not ${calls}`);
        return now;
      }, WITHIN),
    );
  }

  /** Sets how many routers there are; resolves when just so many are ready and the pods of others are gone. */
  async scaleRouters(replicas: number): Promise<void> {
    const { api } = this.#cluster;
    await api.must(["scale", "deployment", `${RELEASE}-router`, "-n", NAMESPACE, `--replicas=${replicas}`]);
    await this.#cluster.explain(() =>
      eventually(async () => {
        const routers = await this.#routers();
        const ready = routers.filter((router) => router.ready).length;
        if (routers.length !== replicas || ready !== replicas)
          throw new Error(`${ready} of ${routers.length} routers are ready, not ${replicas} of ${replicas}`);
      }, WITHIN),
    );
  }

  /** How many requests each router that is ready has carried. */
  async requestsByRouter(): Promise<readonly number[]> {
    const ready = (await this.#routers()).filter((router) => router.ready);
    return await Promise.all(ready.map(async ({ address }) => await countRequests(address)));
  }

  /** Restarts all servers of NATS, as an upgrade does; resolves when every one of them is new and has caught up. */
  async rollServers(): Promise<void> {
    const { api } = this.#cluster;
    const servers = ["-n", NAMESPACE, `statefulset/${RELEASE}-nats`];
    await api.must(["rollout", "restart", ...servers]);
    await this.#cluster.explain(() =>
      eventually(async () => {
        const status = await api.must(["rollout", "status", ...servers, "--watch=false"]);
        if (!status.startsWith("statefulset rolling update complete")) throw new Error(status);
      }, ROLLED),
    );
  }

  async #routers(): Promise<readonly { readonly address: string; readonly ready: boolean }[]> {
    const lines = await this.#cluster.api.must([
      ...["get", "pods", "-n", NAMESPACE, "-l", "app.kubernetes.io/component=router", "-o"],
      'jsonpath={range .items[*]}{.status.podIP} {.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}',
    ]);
    return lines.split("\n").flatMap((line) => {
      const [address = "", ready] = line.split(" ");
      return line === "" ? [] : [{ address, ready: ready === "True" }];
    });
  }
}

async function countRequests(address: string): Promise<number> {
  const answer = await fetch(`http://${address}:${METRICS_PORT}/metrics`);
  const counts = (await answer.text()).matchAll(/^mesh_requests_total\{.*\} (\d+)/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}
