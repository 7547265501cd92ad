// The page that tells how to install: ten commands, and nothing in it that is not there.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { kubernetesOrSkip } from "../harness/index.ts";
import { CHART_FOLDER, find, RELEASE, render } from "./chart.ts";
import { USED_VALUES } from "./used-values.ts";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const page = readFileSync(`${ROOT}/broker-config/docs/install.md`, "utf8");
const blocks = [...page.matchAll(/```sh\n(.*?)```/gs)].map(([, text]) => (text as string).trim().split("\n"));
const { skip, binaries } = kubernetesOrSkip();

test("ten commands lead from an empty cluster to a call", () => {
  assert.equal(blocks[0]?.length, 10);
  for (const line of blocks.flat()) assert.match(line, /^(docker|kubectl|helm) /);
});

test("every path it names is in the checkout", () => {
  const paths = [...page.matchAll(/broker-config\/[\w./-]+\w/g)].map(([path]) => path);
  assert.ok(paths.length > 5);
  // The definitions are generated, and the Dockerfile stands beside the chart.
  for (const path of paths) assert.ok(existsSync(`${ROOT}/${path}`), path);
});

test("every value it names is a value of the chart", () => {
  const groups = ["nats", "router", "operator", "tls", "networkPolicy", "monitoring", "image", "rbac"];
  const named = [...page.matchAll(/[`= ]((?:\w+)\.[\w.]*\w)/g)]
    .map(([, path]) => path as string)
    .filter((path) => groups.includes(path.split(".")[0] as string) && !/\.(crt|key)$/.test(path));
  assert.ok(named.length > 8);
  const known = Object.keys(USED_VALUES);
  const unknown = named.filter((path) => !known.some((value) => value === path || value.startsWith(`${path}.`)));
  assert.deepEqual(unknown, []);
});

describe("what it names in the cluster", { skip }, () => {
  test("is what the chart makes", async () => {
    const { helm } = binaries();
    const objects = await render({ helm, file: "values-small.yaml" });
    const deployments = [...page.matchAll(/deploy\/([\w-]+)/g)].map(([, name]) => name as string);
    assert.ok(deployments.length > 0);
    for (const name of deployments) find(objects, "Deployment", name);
    find(objects, "Job", `${RELEASE}-keys`);
  });
});

test("image and chart are of the version of the checkout", () => {
  const { version } = JSON.parse(readFileSync(`${ROOT}/package.json`, "utf8")) as { version: string };
  const chart = parse(readFileSync(`${CHART_FOLDER}/Chart.yaml`, "utf8")) as { version: string; appVersion: string };
  assert.deepEqual([chart.version, chart.appVersion], [version, version]);
  for (const [, tag] of page.matchAll(/malla:(\d[\w.]*\w)/g)) assert.equal(tag, version);
});
