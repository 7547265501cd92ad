// The chart as it is rendered: names, pods, and that what it repeats is what it repeats.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { relative } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { PINNED_VERSION, STORE_LIMITS } from "@malla/broker-config";
import {
  APPLICATION_ANNOTATION,
  APPLICATION_KEY,
  CA_KEY,
  CLIENT_LABEL,
  CLUSTER_RULES,
  CREDENTIALS_KEY,
  credentialsSecretName,
  OPERATOR_RULES,
  ownRules,
  PREFIX,
  SERVICE_ANNOTATION,
  secretNames,
  URL_KEY,
} from "@malla/operator";
import { kindDefinitions } from "@malla/sdk/resources";
import { SHOP_ACCOUNT, shopPolicies, shopProcesses } from "@malla/shop";
import { kubernetesOrSkip, runProgram } from "../harness/index.ts";
import {
  CHART_FOLDER,
  find,
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
import { podProblems } from "./pod-security.ts";
import { MANIFEST, renderManifest } from "./render-manifest.ts";
import { SETTINGS_DIGEST, settingsDigest } from "./server-settings.ts";

const { skip, binaries } = kubernetesOrSkip();
const helm = skip === false ? binaries().helm : "";
const SETS = [undefined, ...VALUE_FILES];
const SHOP_POLICIES = `${CHART_FOLDER}/shop-policies`;
const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));

describe("the chart, rendered", { skip }, () => {
  for (const file of SETS) {
    const name = file ?? "the defaults";
    test(`helm lint finds nothing with ${name}`, async () => {
      const { code, stdout, stderr } = await runProgram(helm, ["lint", "--strict", CHART_FOLDER, ...valueArgs(file)]);
      assert.equal(code, 0, stdout + stderr);
    });

    test(`every pod with ${name} is restricted, and bounded`, async () => {
      const templates = podTemplates(await render({ helm, ...(file === undefined ? {} : { file }) }));
      assert.ok(templates.length >= 5);
      const problems = templates.flatMap(({ owner, template }) => podProblems(template).map((p) => `${owner} ${p}`));
      assert.deepEqual(problems, []);
    });

    test(`every object with ${name} stands in the release's namespace, under a name of the release`, async () => {
      const objects = await render({
        helm,
        release: "blue",
        namespace: "elsewhere",
        ...(file === undefined ? {} : { file }),
      });
      const wide = objects.filter(({ kind }) => kind.startsWith("ClusterRole"));
      assert.deepEqual(
        wide.map(({ metadata }) => metadata.name),
        ["elsewhere-blue-operator", "elsewhere-blue-operator"],
      );
      for (const { kind, metadata, apiVersion } of objects) {
        if (!kind.startsWith("ClusterRole")) assert.equal(metadata.namespace, "elsewhere", `${kind}/${metadata.name}`);
        // Policies of the shop are called as their files call them.
        if (apiVersion !== `${PREFIX}/v1`) assert.match(metadata.name, /blue/, kind);
      }
      const ids = objects.map(({ apiVersion, kind, metadata }) => `${apiVersion} ${kind} ${metadata.name}`);
      assert.equal(new Set(ids).size, ids.length, "an object is rendered twice");
    });
  }

  test("the check of pods sees what the standard forbids", async () => {
    const [first] = podTemplates(await render({ helm }));
    const template = structuredClone(first?.template) as Rendered;
    const [container] = template.spec.containers;
    template.spec.hostNetwork = true;
    template.spec.volumes.push({ name: "host", hostPath: { path: "/" } });
    delete template.spec.securityContext;
    container.securityContext = { privileged: true, capabilities: { add: ["SYS_ADMIN"] } };
    delete container.resources;
    assert.equal(podProblems(template).length, 10, podProblems(template).join("\n"));
  });

  test("Secrets, labels, annotations and keys are those of the operator", async () => {
    const objects = await render({ helm, file: "values-production.yaml", values: { shop: { enabled: true } } });
    const secretOf = (kind: string, name: string, volume: string): unknown =>
      find(objects, kind, name).spec.template.spec.volumes.find((v: { name: string }) => v.name === volume)?.secret
        ?.secretName;
    assert.equal(secretOf("StatefulSet", "malla-nats", "config"), secretNames.natsConfig(RELEASE));
    assert.equal(secretOf("Deployment", "malla-router", "signer"), secretNames.routerSigner(RELEASE));
    assert.equal(secretOf("Deployment", "malla-operator", "keys"), secretNames.keys(RELEASE));
    assert.equal(secretOf("Job", "malla-streams-1", "keys"), secretNames.keys(RELEASE));
    assert.deepEqual(
      find(objects, "Role", "malla-keys").rules[1].resourceNames,
      [secretNames.keys, secretNames.routerSigner, secretNames.natsConfig].map((nameOf) => nameOf(RELEASE)),
    );
    const router = find(objects, "Deployment", "malla-router").spec.template;
    assert.equal(router.metadata.labels[CLIENT_LABEL], "true");
    const { from } = find(objects, "NetworkPolicy", "malla-nats").spec.ingress[0];
    assert.deepEqual(from[0], { podSelector: { matchLabels: { [CLIENT_LABEL]: "true" } } });

    const cart = find(objects, "Deployment", "malla-shop-cart");
    assert.deepEqual(cart.metadata.annotations, { [SERVICE_ANNOTATION]: "cart", [APPLICATION_ANNOTATION]: "SHOP" });
    assert.deepEqual(environment(cart.spec.template), {
      NATS_URL: { secretKeyRef: { name: credentialsSecretName("cart"), key: URL_KEY } },
      NATS_CREDS: `/etc/malla/${CREDENTIALS_KEY}`,
      NATS_CA: `/etc/malla/${CA_KEY}`,
      NODE_EXTRA_CA_CERTS: `/etc/malla/${CA_KEY}`,
      MALLA_SERVICE: "cart",
      MALLA_VERSION: "1.0.0",
      SHOP_CREDS: `/etc/malla/${APPLICATION_KEY}`,
    });
    assert.equal(secretOf("Deployment", "malla-shop-cart", "credentials"), credentialsSecretName("cart"));
  });

  test("the operator has the rights that its code states", async () => {
    const everywhere = await render({ helm });
    const named = await render({ helm, values: { operator: { watchNamespaces: ["team-a"] } } });
    const rulesOf = (objects: readonly Rendered[], kind: string, name: string): unknown =>
      find(objects, kind, name)["rules"];
    assert.deepEqual(rulesOf(everywhere, "ClusterRole", "mesh-malla-operator"), [...OPERATOR_RULES, ...CLUSTER_RULES]);
    assert.deepEqual(rulesOf(named, "Role", "malla-operator"), OPERATOR_RULES);
    for (const objects of [everywhere, named])
      assert.deepEqual(rulesOf(objects, "Role", "malla-operator-own"), ownRules(RELEASE));
  });

  test("Kubernetes' own roles take in every kind of the mesh where they are told to", async () => {
    const objects = await render({ helm, values: { rbac: { aggregate: true } } });
    const plurals = [...kindDefinitions.map(({ plural }) => plural), "meshservices"].sort();
    for (const [name, into, verb] of [
      ["edit", ["admin", "edit"], "create"],
      ["view", ["view"], "list"],
    ] as const) {
      const { metadata, rules } = find(objects, "ClusterRole", `mesh-malla-${name}`) as Rendered;
      for (const role of into)
        assert.equal(metadata.labels?.[`rbac.authorization.k8s.io/aggregate-to-${role}`], "true");
      assert.deepEqual([...rules[0].resources].sort(), plurals);
      assert.ok(rules[0].verbs.includes(verb));
    }
  });

  test("without the operator nothing of it is left, not its rights either", async () => {
    for (const watchNamespaces of [[], ["team-a"]]) {
      const values = { operator: { enabled: false, watchNamespaces }, monitoring: { kind: "ServiceMonitor" } };
      const objects = await render({ helm, file: "values-production.yaml", values });
      const component = (object: Rendered) => object.metadata.labels?.["app.kubernetes.io/component"];
      assert.deepEqual(
        objects.filter((object) => component(object) === "operator").map(({ metadata }) => metadata.name),
        [],
      );
    }
  });

  test("the shop is the shop of `npm start`", async () => {
    const objects = await render({ helm, file: "values-small.yaml" });
    const found = objects
      .filter(({ kind, metadata }) => kind === "Deployment" && metadata.name.startsWith("malla-shop-"))
      .flatMap(({ spec }) => {
        const env = environment(spec.template);
        const { service, version } = { service: env["MALLA_SERVICE"], version: env["MALLA_VERSION"] };
        const state = env["SHOP_CREDS"] !== undefined;
        const entry = spec.template.spec.containers[0].args[0];
        return Array.from({ length: spec.replicas }, () => JSON.stringify({ service, version, entry, state }));
      });
    const wanted = shopProcesses.map(({ service, version, entry, state }) => {
      // From the source, the entry is beside it; programs run what is built.
      const path = relative(ROOT, entry).replace("/src/", "/dist/");
      return JSON.stringify({ service, version, entry: path, state });
    });
    assert.deepEqual(found.sort(), wanted.sort());
    const { applications } = bootstrapJson(objects);
    assert.deepEqual(applications, [SHOP_ACCOUNT]);
  });

  test("annotations of pods leave their labels alone", async () => {
    const values = { extraAnnotations: { "example.com/owner": "mesh" } };
    const objects = await render({ helm, file: "values-small.yaml", values });
    for (const { owner, template } of podTemplates(objects)) {
      assert.equal(template.metadata.annotations?.["example.com/owner"], "mesh", owner);
      const [kind, name] = owner.split("/") as [string, string];
      const { selector } = find(objects, kind, name).spec;
      for (const [label, value] of Object.entries(selector?.matchLabels ?? {}))
        assert.equal(template.metadata.labels?.[label], value, `${owner} does not select its own pods`);
    }
  });

  test("the shop's policies are its policies", async () => {
    const files = readdirSync(shopPolicies).sort();
    assert.deepEqual(readdirSync(SHOP_POLICIES).sort(), files);
    const objects = await render({ helm, file: "values-small.yaml" });
    for (const name of files) {
      const text = readFileSync(`${shopPolicies}/${name}`, "utf8");
      assert.equal(readFileSync(`${SHOP_POLICIES}/${name}`, "utf8"), text, name);
      for (const document of parseObjects(text)) {
        assert.deepEqual(find(objects, document.kind, document.metadata.name)["spec"], document["spec"]);
      }
    }
  });

  test("a change of what the servers are told restarts servers and operator, and no router", async () => {
    const templatesOf = async (values: object): Promise<string[]> =>
      podTemplates(await render({ helm, values }))
        .filter(({ owner }) => !owner.startsWith("Job/"))
        .map(({ owner, template }) => `${owner} ${JSON.stringify(template)}`);
    const before = await templatesOf({});
    const after = await templatesOf({ applications: ["BILLING"] });
    const changed = after.filter((text, i) => text !== before[i]).map((text) => text.split(" ")[0]);
    assert.deepEqual(changed.sort(), ["Deployment/malla-operator", "StatefulSet/malla-nats"]);
  });

  test("Argo CD, to which every release is the first, replaces the Job of the streams", async () => {
    const job = find(await render({ helm }), "Job", "malla-streams-1");
    assert.deepEqual(job.metadata.annotations, {
      "argocd.argoproj.io/hook": "Sync",
      "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation",
    });
  });

  test("settings that come with the image restart the servers as well", async () => {
    const now = await settingsDigest();
    assert.equal(readFileSync(SETTINGS_DIGEST, "utf8"), now, "run `npm run generate:manifest`");
    assert.equal(await settingsDigest(), now, "other keys are not other settings");
    const template = readFileSync(`${CHART_FOLDER}/templates/nats/stateful-set.yaml`, "utf8");
    assert.match(template, /server-settings\.sha256/);
  });

  test("a new version of the chart alone restarts nothing", async () => {
    for (const { owner, template } of podTemplates(await render({ helm }))) {
      assert.doesNotMatch(JSON.stringify(template.metadata), /helm\.sh\/chart/, owner);
    }
  });

  test("only who uses the API has a token", async () => {
    for (const { owner, template } of podTemplates(await render({ helm, file: "values-small.yaml" }))) {
      assert.equal(template.spec.automountServiceAccountToken, false, owner);
      const hasToken = (template.spec.volumes ?? []).some((volume: { name: string }) => volume.name === "token");
      assert.equal(hasToken, ["Job/malla-keys", "Deployment/malla-operator"].includes(owner), owner);
    }
  });

  test("a platform that gives users of its own is left to it", async () => {
    const values = { podSecurityContext: { runAsUser: null, runAsGroup: null, fsGroup: null } };
    for (const { owner, template } of podTemplates(await render({ helm, values }))) {
      const wanted = { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } };
      assert.deepEqual(template.spec.securityContext, wanted, owner);
    }
  });

  test("probes and scrapes reach a pod by its address, be it of IPv4 or IPv6", async () => {
    const objects = await render({ helm });
    // An empty host is every address; 0.0.0.0 would be none on a cluster that has IPv6 alone.
    for (const name of ["malla-router", "malla-operator"])
      assert.equal(environment(find(objects, "Deployment", name).spec.template)["MALLA_METRICS_HOST"], "", name);
  });

  test("sizes and limits are worked out from the values", async () => {
    const values = {
      nats: {
        persistence: { size: "20Gi" },
        jetstream: { memoryStore: "1.5Gi" },
        resources: { limits: { memory: "8Gi" } },
      },
    };
    const objects = await render({ helm, values });
    const { nats } = bootstrapJson(objects);
    assert.equal(nats.maxFileStoreBytes, 0.9 * 20 * 2 ** 30);
    assert.equal(nats.maxMemoryStoreBytes, 1.5 * 2 ** 30);
    assert.equal(environment(find(objects, "StatefulSet", "malla-nats").spec.template)["GOMEMLIMIT"], "6553MiB");
  });

  test("a server that has less than the accounts are promised is refused", async () => {
    const of = (what: "diskBytes" | "memoryBytes", applications: number): number => {
      const { APPLICATION, ...others } = STORE_LIMITS;
      const sum = Object.values(others).reduce((all, limits) => all + (limits?.[what] ?? 0), 0);
      return (sum + applications * (APPLICATION?.[what] ?? 0)) / 2 ** 20;
    };
    for (const applications of [[], ["BILLING", "STOCK", "ADS"]]) {
      const [disk, memory] = [of("diskBytes", applications.length), of("memoryBytes", applications.length)];
      const rendered = async (fileStore: number, memoryStore: number): Promise<unknown> => {
        const jetstream = { fileStore: `${fileStore}Mi`, memoryStore: `${memoryStore}Mi` };
        return await renderText({ helm, values: { applications, nats: { jetstream } } });
      };
      await rendered(disk, memory);
      await assert.rejects(rendered(disk - 1, memory), new RegExp(`nats\\.jetstream\\.fileStore: .*need ${disk} MiB`));
      await assert.rejects(
        rendered(disk, memory - 1),
        new RegExp(`nats\\.jetstream\\.memoryStore: .*need ${memory} MiB`),
      );
    }
  });

  test("a release whose name cannot be a Service's is refused before anything is made", async () => {
    for (const release of ["a.b", "1st", "a".repeat(47)])
      await assert.rejects(render({ helm, release }), /release ".*": a name of up to 46/);
    const release = "a".repeat(46);
    const values = { monitoring: { kind: "ServiceMonitor" }, shop: { enabled: true } };
    for (const { kind, metadata } of await render({ helm, release, file: "values-production.yaml", values }))
      if (kind === "Service") assert.ok(metadata.name.length <= 63, metadata.name);
  });

  test("the servers are the version the mesh is tested with, and end as a lame duck does", async () => {
    const { spec } = find(await render({ helm }), "StatefulSet", "malla-nats").spec.template;
    const [server] = spec.containers;
    assert.equal(server.image, `nats:${PINNED_VERSION}`);
    assert.deepEqual(server.lifecycle.preStop.exec.command, ["nats-server", "--signal", "ldm=/run/nats/nats.pid"]);
    const settings = readFileSync(`${ROOT}/broker-config/server/limits.conf`, "utf8");
    const seconds = [...settings.matchAll(/lame_duck_\w+: "(\d+)s"/g)].reduce((sum, [, s]) => sum + Number(s), 0);
    assert.ok(seconds >= 40 && spec.terminationGracePeriodSeconds > seconds, `${seconds} s of lame duck`);
  });

  test("clients know every server by its own name", async () => {
    const urls = (objects: readonly Rendered[]): string =>
      environment(find(objects, "Deployment", "malla-router").spec.template)["NATS_URL"] as string;
    assert.deepEqual(
      urls(await render({ helm, file: "values-production.yaml" })).split(","),
      [0, 1, 2].map((i) => `tls://malla-nats-${i}.malla-nats-headless.${NAMESPACE}.svc.cluster.local:4222`),
    );
    const own = ["nats://one.example:4222", "nats://two.example"];
    const existing = await render({
      helm,
      values: { nats: { enabled: false, urls: own }, networkPolicy: { enabled: true } },
    });
    assert.equal(urls(existing), own.join(","));
    assert.deepEqual(
      existing.filter(({ metadata }) => metadata.name.startsWith("malla-nats")),
      [],
      "nothing of NATS",
    );
    const { egress } = find(existing, "NetworkPolicy", "malla-router").spec;
    assert.deepEqual(
      egress[1].ports,
      [4222, 4222].map((port) => ({ protocol: "TCP", port })),
    );
  });

  test("a certificate covers every name by which the servers are called", async () => {
    const objects = await render({ helm, file: "values-production.yaml" });
    const { dnsNames, secretName } = find(objects, "Certificate", "malla-nats").spec;
    const urls = environment(find(objects, "Deployment", "malla-router").spec.template)["NATS_URL"] as string;
    for (const url of urls.split(",")) {
      const host = new URL(url.replace("tls:", "https:")).hostname;
      assert.ok(dnsNames.includes(host.replace(/^[^.]+/, "*")), host);
    }
    for (const { owner, template } of podTemplates(objects)) {
      const volumes = (template.spec.volumes ?? []) as { secret?: { secretName: string; items?: { key: string }[] } }[];
      const keys = volumes.filter(({ secret }) => secret?.secretName === secretName).map(({ secret }) => secret?.items);
      if (owner === "StatefulSet/malla-nats") assert.deepEqual(keys, [undefined]);
      else
        assert.ok(
          keys.every((items) => items?.every(({ key }) => key === "ca.crt")),
          `${owner} has the servers' key`,
        );
    }
  });

  test("the manifest for people without Helm is the chart", async () => {
    const stored = readFileSync(MANIFEST, "utf8");
    assert.equal(stored, await renderManifest(helm), "run `npm run generate:manifest`");
    assert.deepEqual(
      parseObjects(stored).length,
      parseObjects(await renderText({ helm, file: "values-small.yaml" })).length,
    );
  });

  const contradictions: { values: object; says: RegExp }[] = [
    { values: { tls: { enabled: true } }, says: /tls\.secret or tls\.certManager\.enabled/ },
    { values: { tls: { enabled: true, secret: "x", certManager: { enabled: true } } }, says: /tls\.secret/ },
    { values: { nats: { enabled: false } }, says: /nats\.urls/ },
    { values: { nats: { urls: ["nats://x"] } }, says: /nats\.urls/ },
    { values: { nats: { enabled: false, urls: ["nats://x"], leafnodes: true } }, says: /nats\.leafnodes/ },
    {
      values: { nats: { enabled: false, urls: ["tls://x"] }, tls: { enabled: true, certManager: { enabled: true } } },
      says: /tls\.certManager/,
    },
    { values: { router: { autoscaling: { enabled: true, minReplicas: 5, maxReplicas: 2 } } }, says: /maxReplicas/ },
    { values: { shop: { enabled: true }, operator: { watchNamespaces: ["team-a"] } }, says: /watchNamespaces/ },
    { values: { shop: { enabled: true }, operator: { enabled: false } }, says: /operator\.enabled/ },
    {
      values: { extraLabels: { "app.kubernetes.io/name": "x" } },
      says: /extraLabels: app\.kubernetes\.io\/name is a label/,
    },
    { values: { shop: { podLabels: { "malla.dev/mesh-client": "no" } } }, says: /shop\.podLabels: malla\.dev/ },
    { values: { nats: { resources: null } }, says: /nats\.resources\.limits\.memory/ },
  ];
  for (const { values, says } of contradictions) {
    test(`values that contradict each other are refused by name: ${JSON.stringify(values)}`, async () => {
      await assert.rejects(render({ helm, values }), says);
    });
  }
});

/** Environment of a pod's first container. */
function environment(template: Rendered): Record<string, unknown> {
  const env = template.spec.containers[0].env as { name: string; value?: string; valueFrom?: object }[];
  return Object.fromEntries(env.map(({ name, value, valueFrom }) => [name, value ?? valueFrom]));
}

function bootstrapJson(objects: readonly Rendered[]): Rendered["spec"] {
  const [keys, streams] = ["malla-keys", "malla-streams"].map(
    (name) => find(objects, "ConfigMap", name)["data"]["bootstrap.json"] as string,
  );
  assert.equal(keys, streams);
  return JSON.parse(keys as string);
}
