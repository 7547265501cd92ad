// The node agent runs what a chart is made of: real controllers and a real scheduler, pods as processes.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually } from "../../harness/index.ts";
import { KubernetesCluster, nodesOrSkip } from "../harness/index.ts";
import { asList, nodeContainer, object, SEES, type TestContainer, template } from "./test-pods.fixture.ts";

const WITHIN = { withinMs: 60_000, everyMs: 100 };
const READY_AT_ONCE = { readinessProbe: { httpGet: { path: "/ready", port: 8080 }, periodSeconds: 1 } };
const { skip, binaries } = nodesOrSkip();

describe("the node agent", { skip }, () => {
  let cluster: KubernetesCluster;
  before(async () => {
    cluster = await KubernetesCluster.start(binaries(), { nodes: 2 });
  });
  after(async () => {
    await cluster?.stop();
  });

  async function apply(...objects: readonly object[]): Promise<void> {
    await cluster.api.must(["apply", "-f", "-"], asList(...objects));
  }

  async function read(path: string, ...from: readonly string[]): Promise<string> {
    return await cluster.api.must(["get", ...from, "-o", `jsonpath=${path}`]);
  }

  /** Waits until `look` throws no more; if it never does, the error says all about the pods. */
  async function soon<Result>(look: () => Promise<Result>): Promise<Result> {
    return await cluster.explain(() => eventually(look, WITHIN));
  }

  async function waitFor(path: string, want: string, ...from: readonly string[]): Promise<void> {
    await soon(async () => assert.equal(await read(path, ...from), want));
  }

  async function waitReady(pod: string): Promise<void> {
    await waitFor('{.status.conditions[?(@.type=="Ready")].status}', "True", "pod", pod);
  }

  /** What the program SEES answers. */
  async function ask(pod: string, ...view: readonly string[]): Promise<string> {
    return await askAddress(await read("{.status.podIP}", "pod", pod), ...view);
  }

  async function askAddress(address: string, ...view: readonly string[]): Promise<string> {
    const answer = await fetch(`http://${address}:8080/${view.map(encodeURIComponent).join("/")}`);
    return await answer.text();
  }

  /** A pod of one container that runs SEES. */
  function seeing(name: string, more: TestContainer = {}, spec: object = {}, metadata: object = {}): object {
    const containers = [nodeContainer(SEES, { ...READY_AT_ONCE, ...more })];
    const whole = { terminationGracePeriodSeconds: 5, containers, ...spec };
    return { apiVersion: "v1", kind: "Pod", metadata: { name, ...metadata }, spec: whole };
  }

  async function logOf(pod: string, container = "main"): Promise<string> {
    return (await cluster.agent.logs(`default.${pod}.${container}.log`)).values().next().value ?? "";
  }

  test("a Deployment serves behind its Service, found by name from another pod", async () => {
    const readinessProbe = { httpGet: { path: "/ready", port: "http" }, periodSeconds: 1 };
    const ports = [{ name: "http", containerPort: 8080 }];
    const containers = [nodeContainer(SEES, { readinessProbe, ports })];
    const service = { selector: { app: "web" }, ports: [{ port: 8080, targetPort: "http" }] };
    await apply(
      object("apps/v1", "Deployment", "web", {
        spec: { replicas: 2, selector: { matchLabels: { app: "web" } }, template: template("web", { containers }) },
      }),
      object("v1", "Service", "web", { spec: service }),
    );
    await waitFor("{.status.readyReplicas}", "2", "deployment", "web");
    const both = (await read("{.items[*].status.podIP}", "pods", "-l", "app=web")).split(" ").sort();
    const [first = ""] = both;
    await soon(async () => assert.equal(await askAddress(first, "resolve", "web"), both.join(" ")));
    assert.match(await askAddress(first, "get", "web.default.svc.cluster.local:8080", "host"), /^web-/);
    await cluster.api.must(["scale", "deployment", "web", "--replicas", "1"]);
    await soon(async () => assert.match(await read("{.items[*].status.podIP}", "pods", "-l", "app=web"), /^[\d.]+$/));
    const left = await read("{.items[*].status.podIP}", "pods", "-l", "app=web");
    await soon(async () => assert.equal(await askAddress(left, "resolve", "web"), left));
  });

  test("pods of a StatefulSet know each other by name and find their volume again", async () => {
    const volumeMounts = [{ name: "data", mountPath: "/data" }];
    const containers = [nodeContainer(SEES, { ...READY_AT_ONCE, volumeMounts })];
    const claim = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };
    await apply(
      object("v1", "Service", "store", {
        spec: {
          clusterIP: "None",
          publishNotReadyAddresses: true,
          selector: { app: "store" },
          ports: [{ port: 8080 }],
        },
      }),
      object("apps/v1", "StatefulSet", "store", {
        spec: {
          replicas: 2,
          serviceName: "store",
          podManagementPolicy: "Parallel",
          selector: { matchLabels: { app: "store" } },
          template: template("store", { securityContext: { runAsUser: 1000, fsGroup: 1000 }, containers }),
          volumeClaimTemplates: [{ metadata: { name: "data" }, spec: claim }],
        },
      }),
    );
    await waitFor("{.status.readyReplicas}", "2", "statefulset", "store");
    assert.equal(await ask("store-0", "host"), "store-0");
    const other = await read("{.status.podIP}", "pod", "store-1");
    await soon(async () => assert.equal(await ask("store-0", "resolve", "store-1.store"), other));
    assert.equal(await ask("store-0", "resolve", "store-1.store.default.svc.cluster.local"), other);
    assert.equal(await ask("store-1", "write", "data", "kept"), "written");
    const uid = await read("{.metadata.uid}", "pod", "store-1");
    await cluster.api.must(["delete", "pod", "store-1"]);
    await soon(async () => assert.notEqual(await read("{.metadata.uid}", "pod", "store-1"), uid));
    await waitReady("store-1");
    assert.equal(await ask("store-1", "file", "data", "kept"), "x");
  });

  test("a nats-server reads its configuration where the chart mounts it, and is left by a signal from inside", async () => {
    const config =
      "server_name: $POD_NAME\nhttp_port: 8222\npid_file: /var/run/nats/nats.pid\njetstream { store_dir: /data }\n";
    const quit = { exec: { command: ["nats-server", "--signal", "ldm=/var/run/nats/nats.pid"] } };
    const container = {
      name: "nats",
      image: "nats:2.15.2-alpine",
      args: ["--config", "/etc/nats/nats.conf"],
      env: [{ name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
      volumeMounts: [
        { name: "config", mountPath: "/etc/nats" },
        { name: "run", mountPath: "/var/run/nats" },
        { name: "data", mountPath: "/data" },
      ],
      readinessProbe: { httpGet: { path: "/healthz", port: 8222 }, periodSeconds: 1 },
      lifecycle: { preStop: quit },
      securityContext: { runAsUser: 1000, readOnlyRootFilesystem: true },
    };
    const volumes = [
      { name: "config", configMap: { name: "nats" } },
      ...["run", "data"].map((name) => ({ name, emptyDir: {} })),
    ];
    await apply(
      object("v1", "ConfigMap", "nats", { data: { "nats.conf": config } }),
      object("v1", "Pod", "nats", { spec: { containers: [container], volumes, terminationGracePeriodSeconds: 20 } }),
    );
    await waitReady("nats");
    const answer = await fetch(`http://${await read("{.status.podIP}", "pod", "nats")}:8222/varz`);
    assert.equal(((await answer.json()) as { server_name: string }).server_name, "nats");
    await cluster.explain(() => cluster.api.must(["delete", "pod", "nats", "--timeout=30s"]));
    assert.match(await logOf("nats", "nats"), /lame duck mode/i);
  });

  test("Jobs end as their programs do", async () => {
    const job = (name: string, source: string): object =>
      object("batch/v1", "Job", name, {
        spec: {
          backoffLimit: 0,
          template: template(name, { restartPolicy: "Never", containers: [nodeContainer(source)] }),
        },
      });
    await apply(job("good", 'console.log("made")'), job("bad", "process.exitCode = 3"));
    await waitFor('{.status.conditions[?(@.type=="Complete")].status}', "True", "job", "good");
    await waitFor('{.status.conditions[?(@.type=="Failed")].status}', "True", "job", "bad");
    const exits = "{.items[*].status.containerStatuses[0].state.terminated.exitCode}";
    assert.equal(await read(exits, "pods", "-l", "job-name=bad"), "3");
  });

  test("an environment of every kind", async () => {
    const from = (valueFrom: object): object => ({ valueFrom });
    const values: Readonly<Record<string, readonly [object, string]>> = {
      PLAIN: [{ value: "a$(BASE)$$(BASE)$(NONE)" }, "ab$(BASE)$(NONE)"],
      SECRET: [from({ secretKeyRef: { name: "kinds", key: "s" } }), "secret"],
      NO_SECRET: [from({ secretKeyRef: { name: "none", key: "s", optional: true } }), ""],
      CONFIG: [from({ configMapKeyRef: { name: "kinds", key: "BASE" } }), "b"],
      NAME: [from({ fieldRef: { fieldPath: "metadata.name" } }), "kinds"],
      LABEL: [from({ fieldRef: { fieldPath: "metadata.labels['tier']" } }), "front"],
      MEMORY: [from({ resourceFieldRef: { resource: "limits.memory" } }), String(64 * 2 ** 20)],
      CORES: [from({ resourceFieldRef: { resource: "requests.cpu", divisor: "1m" } }), "250"],
      P_BASE: [{ value: "own" }, "own"],
    };
    const env = [
      { name: "BASE", value: "b" },
      ...Object.entries(values).map(([name, [source]]) => ({ name, ...source })),
    ];
    const resources = { limits: { memory: "64Mi" }, requests: { cpu: "250m" } };
    const envFrom = [
      { prefix: "P_", configMapRef: { name: "kinds" } },
      { secretRef: { name: "none", optional: true } },
    ];
    await apply(
      object("v1", "Secret", "kinds", { stringData: { s: "secret" } }),
      object("v1", "ConfigMap", "kinds", { data: { BASE: "b", OTHER: "o" } }),
      seeing("kinds", { env, envFrom, resources }, {}, { labels: { tier: "front" } }),
    );
    await waitReady("kinds");
    for (const [name, [, want]] of Object.entries(values)) assert.equal(await ask("kinds", "env", name), want, name);
    assert.equal(await ask("kinds", "env", "P_OTHER"), "o");
    assert.equal(await ask("kinds", "env", "WEB_SERVICE_PORT"), "8080", "links to Services");
  });

  test("a pod waits for its Secret, and sees it change", async () => {
    const secret = (value: string): object => object("v1", "Secret", "late", { stringData: { "a.key": value } });
    const env = [{ name: "KEY", valueFrom: { secretKeyRef: { name: "later", key: "k" } } }];
    const volumeMounts = [{ name: "keys", mountPath: "/etc/keys", readOnly: true }];
    await apply(seeing("late", { env, volumeMounts }, { volumes: [{ name: "keys", secret: { secretName: "late" } }] }));
    await waitFor("{.status.containerStatuses[0].state.waiting.reason}", "ContainerCreating", "pod", "late");
    await apply(secret("one"));
    await waitFor("{.status.containerStatuses[0].state.waiting.reason}", "CreateContainerConfigError", "pod", "late");
    await apply(object("v1", "Secret", "later", { stringData: { k: "v" } }));
    await waitReady("late");
    assert.equal(await ask("late", "env", "KEY"), "v");
    assert.equal(await ask("late", "file", "etc", "keys", "a.key"), "one");
    assert.equal(await ask("late", "write", "etc", "keys", "b.key"), "EROFS");
    await apply(secret("two"));
    await soon(async () => assert.equal(await ask("late", "file", "etc", "keys", "a.key"), "two"));
  });

  test("init containers run one after the other before the rest, and are run again until they succeed", async () => {
    const write = (text: string): string => `require("fs").appendFileSync("/shared/order", "${text} ")`;
    const flaky = `const fs = require("fs"); const was = fs.existsSync("/shared/tried");
      fs.writeFileSync("/shared/tried", ""); if (!was) process.exit(1); ${write("second")}`;
    const volumeMounts = [{ name: "shared", mountPath: "/shared" }];
    const init = (name: string, source: string): object => nodeContainer(source, { name, volumeMounts });
    const initContainers = [init("first", write("first")), init("second", flaky)];
    await apply(seeing("order", { volumeMounts }, { initContainers, volumes: [{ name: "shared", emptyDir: {} }] }));
    await waitReady("order");
    assert.equal(await ask("order", "file", "shared", "order"), "first second ");
    assert.equal(await read("{.status.initContainerStatuses[*].restartCount}", "pod", "order"), "0 1");
  });

  test("a container that ends is started again, later each time", async () => {
    await apply(seeing("falls"));
    await waitReady("falls");
    for (const restarts of ["1", "2"]) {
      await ask("falls", "end", "7").catch(() => undefined);
      await waitFor("{.status.containerStatuses[0].restartCount}", restarts, "pod", "falls");
      await waitReady("falls");
    }
    assert.equal(await read("{.status.containerStatuses[0].lastState.waiting.reason}", "pod", "falls"), "");
    assert.equal(await read("{.status.containerStatuses[0].lastState.terminated.exitCode}", "pod", "falls"), "7");
  });

  test("probes decide what is started, ready and alive", async () => {
    const exists = (path: string): object => ({
      exec: { command: ["node", "-e", `require("fs").accessSync("${path}")`] },
    });
    const quickly = { periodSeconds: 1, timeoutSeconds: 5 };
    const probes = {
      startupProbe: { tcpSocket: { port: 8080 }, ...quickly, failureThreshold: 30 },
      readinessProbe: { ...exists("/tmp/ready"), ...quickly, failureThreshold: 1 },
      livenessProbe: { httpGet: { path: "/file/tmp/alive", port: 8080 }, ...quickly, failureThreshold: 2 },
    };
    const alive = 'require("fs").writeFileSync("/tmp/alive", "");';
    await apply(seeing("probed", { ...probes, args: ["-e", `${alive}${SEES}`] }));
    await waitFor(
      "{.status.containerStatuses[0].started} {.status.containerStatuses[0].ready}",
      "true false",
      "pod",
      "probed",
    );
    assert.equal(await ask("probed", "write", "tmp", "ready"), "written");
    await waitReady("probed");
    const removed = await cluster.agent.exec("default", "probed", "main", ["rm", "/tmp/alive"]);
    assert.deepEqual(removed, { code: 0, output: "" });
    // Its root is new when it is started again, so that it is not ready then.
    await waitFor(
      "{.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].ready}",
      "1 false",
      "pod",
      "probed",
    );
  });

  test("a pod that goes runs its hook, then is asked, then is killed when its time is up", async () => {
    const hook = 'fetch("http://127.0.0.1:8080/write/tmp/hooked").then(() => process.exit(0))';
    const preStop = { exec: { command: ["node", "-e", hook] } };
    await apply(
      seeing("goes", {
        lifecycle: { preStop },
        args: [
          "-e",
          SEES.replace('console.log("asked to end")', 'console.log("asked after", views.file("tmp/hooked"))'),
        ],
      }),
      seeing("stays", { args: ["-e", SEES.replace("process.exit(0)", "0")] }, { terminationGracePeriodSeconds: 2 }),
    );
    await waitReady("goes");
    await waitReady("stays");
    await cluster.explain(() => cluster.api.must(["delete", "pod", "goes", "stays", "--timeout=30s"]));
    assert.match(await logOf("goes"), /asked after x\n$/);
    assert.match(await logOf("stays"), /asked to end\n/);
    assert.ok(cluster.agent.journal.some((line) => line.includes("stays: main: ended with 137")));
  });

  test("a container is who it is told to be, and writes only where it may", async () => {
    const securityContext = { runAsUser: 1234, runAsGroup: 1235, readOnlyRootFilesystem: true, runAsNonRoot: true };
    const volumeMounts = [{ name: "data", mountPath: "/data" }];
    const volumes = [{ name: "data", emptyDir: {} }];
    await apply(
      seeing("user", { securityContext, volumeMounts }, { volumes, securityContext: { fsGroup: 2000 } }),
      object("v1", "Pod", "root", {
        spec: { securityContext: { runAsNonRoot: true }, containers: [{ name: "main", image: "nats:2" }] },
      }),
    );
    await waitReady("user");
    assert.equal(await ask("user", "user"), "1234 1235 2000 1235");
    assert.equal(await ask("user", "write", "tmp", "x"), "EROFS");
    assert.equal(await ask("user", "write", "malla", "x"), "EROFS");
    assert.equal(await ask("user", "write", "data", "x"), "written");
    await waitFor("{.status.containerStatuses[0].state.waiting.reason}", "CreateContainerConfigError", "pod", "root");
  });

  test("a pod speaks to the API server as its ServiceAccount", async () => {
    const source = `
      const { readFileSync } = require("node:fs");
      const at = (file) => readFileSync("/var/run/secrets/kubernetes.io/serviceaccount/" + file, "utf8");
      const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
      const path = "/api/v1/namespaces/" + at("namespace") + "/configmaps/kube-root-ca.crt";
      const headers = { authorization: "Bearer " + at("token") };
      require("node:https").get({ host, port, path, headers, ca: at("ca.crt") }, (response) => {
        response.resume();
        console.log("answer", response.statusCode);
      });`;
    const spec = { restartPolicy: "Never", containers: [nodeContainer(source)] };
    await apply(object("v1", "Pod", "speaks", { spec }));
    await waitFor("{.status.phase}", "Succeeded", "pod", "speaks");
    assert.match(await logOf("speaks"), /answer 403/, "it is known, and has no rights");
  });

  test("what the agent cannot do is refused by name", async () => {
    await apply(object("v1", "Pod", "other", { spec: { containers: [{ name: "main", image: "redis:8" }] } }));
    await waitFor("{.status.phase} {.status.reason}", "Failed Unsupported", "pod", "other");
    assert.match(await read("{.status.message}", "pod", "other"), /image redis:8 of container main/);
  });
});
