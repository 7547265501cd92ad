// Three servers with TLS as the chart starts them in pods, and as Kubernetes rolls them: each finds the others by its pod's name
// before it is ready, leaves as a lame duck, and the next one waits until it has caught up.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { makeCertificates } from "../../harness/certificates.ts";
import { KubernetesCluster, nodesOrSkip } from "../harness/index.ts";
import { InstalledShop, NAMESPACE } from "./installed-shop.ts";

const { skip, binaries } = nodesOrSkip();
/** As broker-config/docs/install.md asks for them. */
const HOSTS = [`*.malla-nats-headless.${NAMESPACE}.svc.cluster.local`, `malla-nats.${NAMESPACE}.svc`];
const IN_FORCE = "--for=condition=Programmed";
const PODS = "app.kubernetes.io/component in (router,operator)";

describe("three servers with TLS", { skip }, () => {
  let cluster: KubernetesCluster;
  let mesh: InstalledShop;
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "malla-servers-"));
    const { caFile, certFile, keyFile } = await makeCertificates(folder, "test", HOSTS);
    cluster = await KubernetesCluster.start(binaries());
    await cluster.api.must(["create", "namespace", NAMESPACE]);
    const files = [`tls.crt=${certFile}`, `tls.key=${keyFile}`, `ca.crt=${caFile}`].map(
      (file) => `--from-file=${file}`,
    );
    await cluster.api.must(["create", "secret", "generic", "given", "-n", NAMESPACE, ...files]);
    mesh = await InstalledShop.install(cluster, [
      "nats.replicas=3",
      "tls.enabled=true",
      "tls.secret=given",
      "shop.enabled=false",
    ]);
  });
  after(async () => {
    await cluster?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  test("are rolled by Kubernetes, and programs and policy outlast it", async () => {
    await apply("before");
    const [old, restarted] = [await servers(), await restarts()];
    assert.equal(old.length, 3);
    await mesh.rollServers();
    await apply("after");
    const now = await servers();
    assert.deepEqual([now.length, now.filter((uid) => old.includes(uid))], [3, []], "each of them is another pod");
    assert.equal(await restarts(), restarted, "nobody was restarted for it");
    await cluster.api.must(["wait", IN_FORCE, "routes.malla.dev/before", "-n", NAMESPACE, "--timeout=60s"]);
  });

  async function servers(): Promise<readonly string[]> {
    const ofNats = ["-n", NAMESPACE, "-l", "app.kubernetes.io/component=nats"];
    const uids = await cluster.api.must(["get", "pods", ...ofNats, "-o", "jsonpath={.items[*].metadata.uid}"]);
    return uids.split(" ");
  }

  /** Restarts of routers and operator: some come while there are no servers yet. */
  async function restarts(): Promise<string> {
    const counts = "jsonpath={range .items[*]}{.metadata.name} {.status.containerStatuses[*].restartCount}{end}";
    return await cluster.api.must(["get", "pods", "-n", NAMESPACE, "-l", PODS, "-o", counts]);
  }

  /** A policy that every router has. */
  async function apply(name: string): Promise<void> {
    const route = { match: { service: name }, timeoutMs: 1_000 };
    const object = { apiVersion: "malla.dev/v1", kind: "Route", metadata: { name, namespace: NAMESPACE }, spec: route };
    await cluster.api.must(["apply", "-f", "-"], JSON.stringify(object));
    await cluster.explain(
      async () =>
        await cluster.api.must(["wait", IN_FORCE, `routes.malla.dev/${name}`, "-n", NAMESPACE, "--timeout=60s"]),
    );
  }
});
