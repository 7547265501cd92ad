// The chart and a real API server: what it takes, what it refuses, what is left of a release, who may do what. There is no
// kubelet here, so no Job ends by itself; a test says that it has.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { shopPolicies } from "@malla/shop";
import { eventually } from "../../harness/index.ts";
import { ApiServer, type CommandOutcome, kubernetesOrSkip } from "../harness/index.ts";
import {
  CHART_FOLDER,
  NAMESPACE,
  parseObjects,
  podTemplates,
  RELEASE,
  type Rendered,
  render,
  renderText,
  VALUE_FILES,
  valueArgs,
} from "./chart.ts";
import { foreignCrds } from "./foreign-crds.ts";
import { MANIFEST } from "./render-manifest.ts";

const { skip, binaries } = kubernetesOrSkip();
const CRDS = `${CHART_FOLDER}/crds`;
const HOOK_MS = 30_000;
const PLACED = {
  nodeSelector: { "kubernetes.io/os": "linux" },
  tolerations: [{ key: "dedicated", operator: "Equal", value: "mesh", effect: "NoSchedule" }],
  affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
  podLabels: { team: "mesh" },
  podAnnotations: { "example.com/owner": "mesh" },
};
/** What neither set of values turns on. */
const LEFT_OUT = {
  extraLabels: { "example.com/team": "mesh" },
  extraAnnotations: { "example.com/contact": "mesh" },
  imagePullSecrets: [{ name: "registry" }],
  applications: ["BILLING"],
  nats: {
    ...PLACED,
    replicas: 3,
    gateways: [{ name: "eu", addresses: ["nats.eu.example:7222"] }],
    leafnodes: true,
    externalService: { annotations: { "example.com/internal": "true" }, externalTrafficPolicy: "Local" },
    persistence: { size: "20Gi", storageClass: "fast" },
    exporter: { enabled: true },
  },
  router: {
    ...PLACED,
    workers: "auto",
    tracing: { endpoint: "http://collector.example:4318" },
    extraEnv: [{ name: "NODE_OPTIONS", valueFrom: { configMapKeyRef: { name: "node", key: "options" } } }],
    podDisruptionBudget: { maxUnavailable: "25%" },
  },
  operator: { ...PLACED, watchNamespaces: [NAMESPACE] },
  bootstrap: PLACED,
  rbac: { aggregate: true },
  networkPolicy: { enabled: true, remotes: [{ ipBlock: { cidr: "203.0.113.0/24" } }] },
  monitoring: { kind: "ServiceMonitor", labels: { release: "prometheus" } },
  shop: { ...PLACED, enabled: true },
};

describe("the chart and a real API server", { skip }, () => {
  let server: ApiServer;

  before(async () => {
    if (skip !== false) return;
    assert.ok(existsSync(CRDS), "there are no definitions in chart/crds: run `npm run generate:crds`");
    server = await ApiServer.start(binaries());
    await server.must(["apply", "-f", "-"], JSON.stringify(foreignCrds()));
    await server.must(["apply", "--server-side", "-f", CRDS]);
    await server.must(["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"]);
    await restrictedNamespace(NAMESPACE);
  });
  after(async () => await server?.stop());

  async function restrictedNamespace(name: string): Promise<void> {
    await server.must(["create", "namespace", name]);
    const labels = ["enforce", "warn"].map((mode) => `pod-security.kubernetes.io/${mode}=restricted`);
    await server.must(["label", "namespace", name, ...labels]);
  }

  async function dryRun(objects: string): Promise<CommandOutcome> {
    const flags = ["--dry-run=server", "--validate=strict", "--warnings-as-errors"];
    return await server.kubectl(["apply", ...flags, "-f", "-"], objects);
  }

  for (const file of VALUE_FILES) {
    test(`the server takes every object of ${file}, field by field and without a warning`, async () => {
      const text = await renderText({ helm: server.binaries.helm, file });
      const { code, stdout, stderr } = await dryRun(text);
      assert.equal(code, 0, stderr);
      assert.equal(stdout.trim().split("\n").length, parseObjects(text).length, stdout);
    });

    test(`the server takes what ${file} leaves out, too`, async () => {
      const text = await renderText({ helm: server.binaries.helm, file, values: LEFT_OUT });
      const kinds = new Set(parseObjects(text).map(({ kind, metadata }) => `${kind} ${metadata.name}`));
      for (const name of ["ServiceMonitor malla-nats", "Service malla-nats-external", "Role malla-operator"])
        assert.ok(kinds.has(name), name);
      const { code, stderr } = await dryRun(text);
      assert.equal(code, 0, stderr);
    });

    test(`the server lets every pod of ${file} into a restricted namespace`, async () => {
      const objects = await render({ helm: server.binaries.helm, file });
      const accounts = objects.filter(({ kind }) => kind === "ServiceAccount");
      await server.must(["apply", "-f", "-"], listOf(accounts));
      const pods = podTemplates(objects).map(({ owner, template }) => podOf(owner, template));
      const { code, stderr } = await dryRun(listOf(pods));
      assert.equal(code, 0, stderr);
      const [pod] = pods as [Rendered, ...Rendered[]];
      const rootless = structuredClone(pod);
      rootless.spec.containers[0].securityContext.allowPrivilegeEscalation = true;
      const refused = await dryRun(listOf([rootless]));
      assert.match(refused.stderr, /violates PodSecurity "restricted/, "the standard is in force here");
      await server.must(["delete", "-f", "-"], listOf(accounts));
    });

    test(`${file} can be installed, installed again, and taken away`, async () => {
      const namespace = `install-${file.replace(/^values-|\.yaml$/g, "")}`;
      await restrictedNamespace(namespace);
      const inNamespace = ["--namespace", namespace, "--no-hooks"];
      await helm(["install", RELEASE, CHART_FOLDER, ...valueArgs(file), ...inNamespace]);
      const first = await owned(namespace);
      const wanted = (await render({ helm: server.binaries.helm, file, namespace }))
        .filter(({ metadata }) => metadata.annotations?.["helm.sh/hook"] === undefined)
        .map(({ kind, metadata }) => `${kind}/${metadata.name}`);
      assert.deepEqual(Object.keys(first).sort(), wanted.sort());

      await helm(["upgrade", "--install", RELEASE, CHART_FOLDER, ...valueArgs(file), ...inNamespace]);
      const second = await owned(namespace);
      const { "Job/malla-streams-1": went, ...kept } = first;
      const { "Job/malla-streams-2": came, ...stayed } = second;
      assert.ok(went !== undefined && came !== undefined, "each revision has its own Job of streams");
      assert.deepEqual(stayed, kept, "the same values change nothing");

      const other = file === "values-small.yaml" ? 3 : 1;
      const refused = await server.helm([
        ...["upgrade", RELEASE, CHART_FOLDER, ...valueArgs(file), ...inNamespace],
        ...["--set", `nats.replicas=${other}`],
      ]);
      assert.match(refused.stderr, /nats\.replicas: .* cannot become each other/, "NATS would delete all streams");

      // Whoever installs again finds the shop's policies, which hold finalizers that only the operator takes.
      const policies = wanted.filter((name) => /^(Route|ServicePolicy|AccessPolicy)\//.test(name)).sort();
      const gone = async (): Promise<void> => assert.deepEqual(Object.keys(await owned(namespace)).sort(), policies);
      await helm(["uninstall", RELEASE, ...inNamespace]);
      await eventually(gone, { withinMs: 20_000 });
      await helm(["install", RELEASE, CHART_FOLDER, ...valueArgs(file), ...inNamespace]);
      assert.deepEqual(Object.keys(await owned(namespace)).sort(), wanted.sort());
      await helm(["uninstall", RELEASE, ...inNamespace]);
      await eventually(gone, { withinMs: 20_000 });
    });
  }

  test("the shop's policies mean to kubectl what they mean to malla", async () => {
    // Its YAML is of another age: a bare `on` is true to it.
    const flags = ["--dry-run=client", "--validate=false", "-o", "yaml"];
    const read = parseObjects(await server.must(["create", "-f", shopPolicies, ...flags]));
    const documents = readdirSync(shopPolicies).flatMap((name) =>
      parseObjects(readFileSync(`${shopPolicies}/${name}`, "utf8")),
    );
    const specs = (objects: readonly Rendered[]): unknown[] =>
      objects.map(({ kind, metadata, spec }) => ({ kind, name: metadata.name, spec }));
    assert.deepEqual(specs(read), specs(documents));
  });

  test("as many routers stay as run when autoscaling is turned on, and at every upgrade after it", async () => {
    const namespace = "autoscaled";
    await restrictedNamespace(namespace);
    const inNamespace = ["--namespace", namespace, "--no-hooks"];
    const routers = async (): Promise<number> =>
      Number(
        await server.must(["get", "deployment", "malla-router", "-n", namespace, "-o", "jsonpath={.spec.replicas}"]),
      );
    await helm(["install", RELEASE, CHART_FOLDER, ...inNamespace, "--set", "router.replicas=5"]);
    const autoscaled = ["--set", "router.autoscaling.enabled=true,router.autoscaling.minReplicas=3"];
    await helm(["upgrade", RELEASE, CHART_FOLDER, ...inNamespace, ...autoscaled]);
    assert.equal(await routers(), 5);
    await server.must(["scale", "deployment", "malla-router", "-n", namespace, "--replicas=8"]);
    await helm(["upgrade", RELEASE, CHART_FOLDER, ...inNamespace, ...autoscaled]);
    assert.equal(await routers(), 8);
    await helm(["uninstall", RELEASE, ...inNamespace]);
  });

  test("keys are made before anything else stands, at install and at upgrade, and leave nothing behind", async () => {
    const namespace = "hooks";
    await restrictedNamespace(namespace);
    const inNamespace = ["--namespace", namespace, ...valueArgs("values-small.yaml")];
    for (const verb of [["install"], ["upgrade", "--install"]]) {
      const running = server.helm([...verb, RELEASE, CHART_FOLDER, ...inNamespace, "--timeout", "60s"]);
      const during = await eventually(
        async () => {
          const objects = await owned(namespace);
          assert.ok(objects["Job/malla-keys"] !== undefined);
          return objects;
        },
        { withinMs: HOOK_MS },
      );
      for (const kind of ["ServiceAccount", "Role", "RoleBinding", "ConfigMap"])
        assert.ok(during[`${kind}/malla-keys`] !== undefined, `the Job needs its ${kind}`);
      if (verb[0] === "install") assert.equal(during["StatefulSet/malla-nats"], undefined, "servers wait for the keys");
      else assert.equal(during["Job/malla-streams-2"], undefined, "streams wait for the keys");
      await complete("malla-keys", namespace);
      const { code, stderr } = await running;
      assert.equal(code, 0, stderr);
      const later = Object.keys(await owned(namespace));
      assert.ok(later.includes("StatefulSet/malla-nats"));
      assert.deepEqual(
        later.filter((name) => name.endsWith("/malla-keys")),
        [],
      );
    }
  });

  test("an upgrade whose keys fail touches no server", async () => {
    const inNamespace = ["--namespace", "hooks", ...valueArgs("values-small.yaml")];
    const before = await owned("hooks");
    const running = server.helm([
      ...["upgrade", RELEASE, CHART_FOLDER, ...inNamespace],
      ...["--set", "applications={BILLING}", "--timeout", "60s"],
    ]);
    await eventually(async () => assert.ok((await owned("hooks"))["Job/malla-keys"] !== undefined), {
      withinMs: HOOK_MS,
    });
    await end("malla-keys", "hooks", "Failed");
    assert.notEqual((await running).code, 0);
    const { "StatefulSet/malla-nats": now } = await owned("hooks");
    assert.equal(now, before["StatefulSet/malla-nats"]);
  });

  test("the plain manifest can be applied, and applied again, without Helm", async () => {
    await server.must(["apply", "--server-side", "-f", MANIFEST]);
    const before = await owned(NAMESPACE);
    const made = parseObjects(readFileSync(MANIFEST, "utf8"));
    assert.equal(Object.keys(before).length, made.length);
    await server.must(["apply", "--server-side", "-f", MANIFEST]);
    assert.deepEqual(await owned(NAMESPACE), before);
  });

  describe("who may do what", () => {
    const KEYS = "malla-keys";
    const OPERATOR = "malla-operator";
    // Verb and resource, namespace, and whether it may. What the manifest above has made is in force.
    const table: [account: string, verb: string, resource: string, namespace: string, may: boolean][] = [
      [KEYS, "create", "secrets", NAMESPACE, true],
      ...["malla-keys", "malla-router-signer", "malla-nats-config"].flatMap((name) =>
        ["get", "update"].map(
          (verb) => [KEYS, verb, `secrets/${name}`, NAMESPACE, true] as [string, string, string, string, boolean],
        ),
      ),
      [KEYS, "patch", "secrets/malla-keys", NAMESPACE, false],
      [KEYS, "delete", "secrets/malla-keys", NAMESPACE, false],
      [KEYS, "get", "secrets/malla-cart", NAMESPACE, false],
      [KEYS, "get", "secrets/malla-keys", "default", false],
      [KEYS, "create", "secrets", "default", false],
      [KEYS, "list", "secrets", NAMESPACE, false],
      [KEYS, "watch", "secrets", NAMESPACE, false],
      [KEYS, "get", "configmaps", NAMESPACE, false],
      [KEYS, "create", "pods", NAMESPACE, false],
      [KEYS, "get", "routes.malla.dev", NAMESPACE, false],
      [OPERATOR, "list", "routes.malla.dev", "default", true],
      [OPERATOR, "watch", "accesspolicies.malla.dev", "default", true],
      [OPERATOR, "patch", "servicepolicies.malla.dev", "default", true],
      [OPERATOR, "update", "routes.malla.dev/status", "default", true],
      [OPERATOR, "update", "meshservices.malla.dev/status", "default", true],
      [OPERATOR, "create", "routes.malla.dev", "default", false],
      [OPERATOR, "update", "routes.malla.dev", "default", false],
      [OPERATOR, "patch", "meshservices.malla.dev", "default", false],
      [OPERATOR, "delete", "routes.malla.dev", "default", false],
      [OPERATOR, "watch", "httproutes.gateway.networking.k8s.io", "default", true],
      [OPERATOR, "update", "grpcroutes.gateway.networking.k8s.io/status", "default", true],
      [OPERATOR, "update", "httproutes.gateway.networking.k8s.io", "default", false],
      [OPERATOR, "patch", "httproutes.gateway.networking.k8s.io", "default", false],
      [OPERATOR, "list", "services", "default", true],
      [OPERATOR, "update", "services", "default", false],
      [OPERATOR, "watch", "deployments.apps", "default", true],
      [OPERATOR, "list", "statefulsets.apps", "default", true],
      [OPERATOR, "list", "daemonsets.apps", "default", true],
      [OPERATOR, "list", "jobs.batch", "default", true],
      [OPERATOR, "list", "cronjobs.batch", "default", true],
      [OPERATOR, "patch", "deployments.apps", "default", false],
      [OPERATOR, "create", "jobs.batch", "default", false],
      [OPERATOR, "get", "secrets", "default", true],
      [OPERATOR, "create", "secrets", "default", true],
      [OPERATOR, "update", "secrets", "default", true],
      [OPERATOR, "list", "secrets", "default", false],
      [OPERATOR, "watch", "secrets", "default", false],
      [OPERATOR, "delete", "secrets", "default", true],
      [OPERATOR, "patch", "secrets", "default", false],
      [OPERATOR, "deletecollection", "secrets", "default", false],
      [OPERATOR, "create", "events.events.k8s.io", "default", true],
      [OPERATOR, "delete", "events.events.k8s.io", "default", false],
      [OPERATOR, "create", "leases.coordination.k8s.io", NAMESPACE, true],
      [OPERATOR, "update", "leases.coordination.k8s.io/malla-operator", NAMESPACE, true],
      [OPERATOR, "get", "leases.coordination.k8s.io/malla-operator", NAMESPACE, true],
      [OPERATOR, "update", "leases.coordination.k8s.io/another", NAMESPACE, false],
      [OPERATOR, "get", "leases.coordination.k8s.io/malla-operator", "default", false],
      [OPERATOR, "create", "leases.coordination.k8s.io", "kube-system", false],
      [OPERATOR, "get", "pods", "default", false],
      [OPERATOR, "create", "pods", "default", false],
      [OPERATOR, "create", "pods/exec", "default", false],
      [OPERATOR, "get", "configmaps", "default", false],
      [OPERATOR, "watch", "namespaces", "default", true],
      [OPERATOR, "update", "namespaces", "default", false],
      [OPERATOR, "create", "configmaps", NAMESPACE, true],
      [OPERATOR, "update", "configmaps/malla-identities", NAMESPACE, true],
      [OPERATOR, "update", "configmaps/malla-streams", NAMESPACE, false],
      [OPERATOR, "get", "nodes", "default", false],
      [OPERATOR, "create", "serviceaccounts/token", "default", false],
      [OPERATOR, "update", "clusterroles.rbac.authorization.k8s.io", "default", false],
      [OPERATOR, "update", "customresourcedefinitions.apiextensions.k8s.io", "default", false],
      ...["malla-nats", "malla-router", "malla-streams", "malla-shop"].flatMap((account) =>
        ["secrets", "configmaps", "pods", "routes.malla.dev"].map(
          (resource) => [account, "get", resource, NAMESPACE, false] as [string, string, string, string, boolean],
        ),
      ),
    ];

    for (const account of new Set(table.map(([name]) => name))) {
      test(`${account} may do what it needs and no more`, async () => {
        const rows = table.filter(([name]) => name === account);
        const wrong: string[] = [];
        for (const [, verb, resource, namespace, may] of rows) {
          if ((await can(NAMESPACE, account, verb, resource, namespace)) !== may)
            wrong.push(`${verb} ${resource} in ${namespace} ${may ? "is refused" : "is allowed"}`);
        }
        assert.deepEqual(wrong, []);
      });
    }

    test("an operator of named namespaces has no right in others, and none in the whole cluster", async () => {
      for (const namespace of ["platform", "team-a", "team-b", "team-c"])
        await server.must(["create", "namespace", namespace]);
      const watched = ["--set", "operator.watchNamespaces={team-a,team-b}"];
      await helm(["install", "narrow", CHART_FOLDER, "--namespace", "platform", "--no-hooks", ...watched]);
      const may = async (verb: string, resource: string, namespace: string): Promise<boolean> =>
        await can("platform", "narrow-operator", verb, resource, namespace);
      for (const resource of ["secrets", "routes.malla.dev"]) {
        assert.ok(await may("get", resource, "team-a"));
        assert.ok(await may(resource === "secrets" ? "update" : "patch", resource, "team-b"));
        assert.ok(!(await may("get", resource, "team-c")));
        assert.ok(!(await may("get", resource, "platform")));
      }
      assert.ok(await may("create", "leases.coordination.k8s.io", "platform"));
      assert.ok(!(await may("list", "namespaces", "platform")));
      const roles = await server.must(["get", "clusterroles", "-l", "app.kubernetes.io/instance=narrow", "-o", "name"]);
      assert.equal(roles, "");
    });
  });

  async function can(
    home: string,
    account: string,
    verb: string,
    resource: string,
    namespace: string,
  ): Promise<boolean> {
    // `pods/exec` is a subresource, `secrets/malla-keys` a name: the former are few.
    const [, plain, sub] = /^(.+)\/(status|exec|token)$/.exec(resource) ?? [];
    const what = plain === undefined ? [resource] : [plain, `--subresource=${sub}`];
    const as = `--as=system:serviceaccount:${home}:${account}`;
    const { stdout, stderr } = await server.kubectl(["auth", "can-i", verb, ...what, "-n", namespace, as]);
    assert.doesNotMatch(stderr, /doesn't have a resource type/, resource);
    assert.match(stdout, /^(yes|no)/, stderr);
    return stdout.startsWith("yes");
  }

  async function helm(args: readonly string[]): Promise<void> {
    const { code, stderr } = await server.helm(args);
    assert.equal(code, 0, `helm ${args.join(" ")}: ${stderr}`);
  }

  /** Names and versions of everything that carries the release's label in a namespace, by kind and name. */
  async function owned(namespace: string): Promise<Record<string, string>> {
    const kinds = [
      "configmaps,serviceaccounts,services,persistentvolumeclaims,deployments,statefulsets,jobs,horizontalpodautoscalers",
      "poddisruptionbudgets,networkpolicies,roles,rolebindings,clusterroles,clusterrolebindings",
      "routes.malla.dev,servicepolicies.malla.dev,accesspolicies.malla.dev",
      "certificates.cert-manager.io,issuers.cert-manager.io",
      "podmonitors.monitoring.coreos.com,servicemonitors.monitoring.coreos.com",
    ];
    const label = `app.kubernetes.io/instance=${RELEASE}`;
    const text = await server.must(["get", kinds.join(","), "-n", namespace, "-l", label, "-o", "json"]);
    const items = JSON.parse(text).items as Rendered[];
    const ours = items.filter(
      ({ kind, metadata }) => !kind.startsWith("Cluster") || metadata.name.startsWith(namespace),
    );
    return Object.fromEntries(
      ours.map(({ kind, metadata }) => {
        // Where changes are counted, the count says whether there was one; the version moves with who owns which field, too.
        const { generation } = metadata as { readonly generation?: number };
        const versioned = generation === undefined ? {} : { resourceVersion: "" };
        return [`${kind}/${metadata.name}`, JSON.stringify({ ...metadata, ...versioned, managedFields: 0 })];
      }),
    );
  }

  async function complete(job: string, namespace: string): Promise<void> {
    await end(job, namespace, "Complete");
  }

  /** Says what no kubelet is here to say. */
  async function end(job: string, namespace: string, how: "Complete" | "Failed"): Promise<void> {
    const now = new Date().toISOString().replace(/\.\d+/, "");
    const well = how === "Complete";
    const conditions = [well ? "SuccessCriteriaMet" : "FailureTarget", how].map((type) => ({
      type,
      status: "True",
      lastTransitionTime: now,
      ...(well ? {} : { reason: "BackoffLimitExceeded", message: "it failed" }),
    }));
    const counts = well ? { succeeded: 1, completionTime: now } : { failed: 1 };
    const status = { startTime: now, uncountedTerminatedPods: {}, conditions, ...counts };
    const patch = JSON.stringify({ status });
    await server.must(["patch", "job", job, "-n", namespace, "--subresource=status", "--type=merge", "-p", patch]);
  }
});

function listOf(items: readonly Rendered[]): string {
  return JSON.stringify({ apiVersion: "v1", kind: "List", items });
}

/** The pod a controller would make of a template. */
function podOf(owner: string, template: Rendered): Rendered {
  const spec = structuredClone(template.spec);
  const isMounted = spec.containers[0].volumeMounts.some((mount: { name: string }) => mount.name === "data");
  const hasData = spec.volumes.some((volume: { name: string }) => volume.name === "data");
  if (isMounted && !hasData) spec.volumes.push({ name: "data", persistentVolumeClaim: { claimName: "data" } });
  const name = owner.toLowerCase().replaceAll("/", "-");
  const metadata = { ...template.metadata, name, namespace: NAMESPACE };
  return { apiVersion: "v1", kind: "Pod", metadata, spec };
}
