// Every value of the chart is documented, checked by the schema, and used; wrong ones are refused by name.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { isMap, type Pair, parseDocument, type Scalar } from "yaml";
import { kubernetesOrSkip } from "../harness/index.ts";
import { CHART_FOLDER, renderText, VALUE_FILES } from "./chart.ts";
import { USED_VALUES } from "./used-values.ts";

const { skip, binaries } = kubernetesOrSkip();
const helm = skip === false ? binaries().helm : "";
const DOCUMENTED = /^ -- \S/;

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: unknown;
  readonly $ref?: string;
  readonly items?: Schema;
}

/** Paths of values with a comment that documents them, and of those that lack one. */
function readValues(): { documented: string[]; undocumented: string[] } {
  const documented: string[] = [];
  const undocumented: string[] = [];
  const walk = (map: unknown, prefix: string): void => {
    if (!isMap(map)) return;
    map.items.forEach((item, index) => {
      const { key, value } = item as Pair<Scalar<string>, unknown>;
      // The parser gives the comment before a map's first key to the map.
      const comment = key.commentBefore ?? (index === 0 ? map.commentBefore : undefined) ?? "";
      const path = `${prefix}${key.value}`;
      const last = comment.split("\n\n").at(-1) ?? "";
      if (DOCUMENTED.test(last)) documented.push(path);
      else if (isMap(value) && value.items.length > 0) walk(value, `${path}.`);
      else undocumented.push(path);
    });
  };
  walk(parseDocument(readFileSync(`${CHART_FOLDER}/values.yaml`, "utf8")).contents, "");
  return { documented, undocumented };
}

const schema = JSON.parse(readFileSync(`${CHART_FOLDER}/values.schema.json`, "utf8")) as Schema & {
  $defs: Record<string, Schema>;
};

function resolve(found: Schema | undefined): Schema | undefined {
  const name = found?.$ref?.replace("#/$defs/", "");
  return name === undefined ? found : schema.$defs[name];
}

function schemaOf(path: string): Schema | undefined {
  return path.split(".").reduce<Schema | undefined>((at, name) => resolve(at)?.properties?.[name], schema);
}

/** `{ "a.b": 1 }` as `{ a: { b: 1 } }`, over others. */
function nested(path: string, value: unknown): object {
  return path.split(".").reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as object;
}

function merge(...all: readonly object[]): object {
  const result: Record<string, unknown> = {};
  for (const [name, value] of all.flatMap((object) => Object.entries(object))) {
    const before = result[name];
    result[name] = isPlain(before) && isPlain(value) ? merge(before, value) : value;
  }
  return result;
}

function isPlain(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const { documented, undocumented } = readValues();

test("every value is documented", () => {
  assert.deepEqual(undocumented, []);
  assert.ok(documented.length > 100);
});

test("every value is in the schema, and the schema has no others", () => {
  const known: string[] = [];
  const walk = (at: Schema, prefix: string): void => {
    for (const [name, below] of Object.entries(at.properties ?? {})) {
      const path = `${prefix}${name}`;
      if (documented.includes(path) || resolve(below)?.properties === undefined) known.push(path);
      else walk(resolve(below) as Schema, `${path}.`);
    }
  };
  walk(schema, "");
  // Helm gives `global` to a chart that is a part of another.
  assert.deepEqual(known.filter((path) => path !== "global").sort(), [...documented].sort());
});

test("the schema takes nothing it does not know, at any depth", () => {
  const open: string[] = [];
  const walk = (at: Schema | undefined, path: string): void => {
    const found = resolve(at);
    if (found === undefined) return;
    if (found.properties !== undefined && found.additionalProperties !== false) open.push(path);
    for (const [name, below] of Object.entries(found.properties ?? {})) walk(below, `${path}.${name}`);
    walk(found.items, `${path}[]`);
  };
  walk(schema, "");
  assert.deepEqual(open, []);
  assert.equal(schemaOf("nats.nothing"), undefined);
});

test("every value has a test that uses it", () => {
  assert.deepEqual(Object.keys(USED_VALUES).sort(), [...documented].sort());
});

describe("values", { skip, concurrency: 2 }, () => {
  const rendered = new Map<string, Promise<string>>();
  const renderOnce = (values: object): Promise<string> => {
    const key = JSON.stringify(values);
    const running = rendered.get(key) ?? renderText({ helm, values });
    rendered.set(key, running);
    return running;
  };

  for (const [path, { other, beside = {}, along = {} }] of Object.entries(USED_VALUES)) {
    test(`${path} changes what is rendered`, async () => {
      const before = await renderOnce(beside);
      const after = await renderText({ helm, values: merge(beside, along, nested(path, other)) });
      assert.notEqual(after, before);
    });
  }

  for (const file of VALUE_FILES) {
    test(`${file} says nothing that the defaults say already`, async () => {
      const defaults = parseDocument(readFileSync(`${CHART_FOLDER}/values.yaml`, "utf8")).toJS() as object;
      const set = parseDocument(readFileSync(`${CHART_FOLDER}/${file}`, "utf8")).toJS() as object;
      const idle: string[] = [];
      const walk = (at: object, base: unknown, prefix: string): void => {
        for (const [name, value] of Object.entries(at)) {
          const default_ = (base as Record<string, unknown> | undefined)?.[name];
          const path = `${prefix}${name}`;
          if (isPlain(value) && !documented.includes(path)) walk(value, default_, `${path}.`);
          else if (JSON.stringify(value) === JSON.stringify(default_)) idle.push(path);
        }
      };
      walk(set, defaults, "");
      // Said all the same, since they are what the file is about.
      assert.deepEqual(
        idle.filter((path) => path !== "nats.replicas"),
        [],
      );
    });
  }

  const wrong: { path: string; value: unknown; says?: RegExp }[] = [
    { path: "nats.replica", value: 3, says: /'\/nats'.*'replica'/ },
    { path: "console", value: { enabled: true }, says: /'console'/ },
    { path: "nats.replicas", value: 2 },
    { path: "nats.replicas", value: "3" },
    { path: "nats.urls", value: ["nats.example:4222"], says: /\/nats\/urls\/0/ },
    { path: "nats.urls", value: ["nats://user:secret@nats.example:4222"], says: /\/nats\/urls\/0/ },
    { path: "nats.jetstream.memoryStore", value: "much" },
    { path: "nats.persistence.size", value: "10GB" },
    { path: "nats.goMemLimit", value: "80%" },
    { path: "nats.terminationGracePeriodSeconds", value: 30 },
    { path: "nats.gateways", value: [{ name: "eu" }], says: /\/nats\/gateways\/0.*addresses/ },
    { path: "nats.gateways", value: [{ name: "eu", addresses: ["nats.eu.example"] }], says: /addresses\/0/ },
    { path: "nats.externalService.type", value: "ExternalName" },
    { path: "nats.topologySpread.hosts", value: "Never" },
    { path: "image.digest", value: "sha256:short" },
    { path: "image.pullPolicy", value: "Sometimes" },
    { path: "imagePullSecrets", value: ["registry"], says: /\/imagePullSecrets\/0/ },
    { path: "applications", value: ["billing"], says: /\/applications\/0/ },
    { path: "podSecurityContext.runAsUser", value: 0 },
    { path: "extraLabels", value: { team: 7 }, says: /\/extraLabels\/team/ },
    { path: "router.workers", value: "many" },
    { path: "router.logLevel", value: "verbose" },
    { path: "router.tracing.ratio", value: 2 },
    { path: "router.tracing.endpoint", value: "collector:4318" },
    { path: "router.terminationGracePeriodSeconds", value: 10 },
    { path: "router.autoscaling.targetCPUUtilizationPercentage", value: 0 },
    { path: "router.podDisruptionBudget.maxUnavailable", value: "some" },
    { path: "router.extraEnv", value: [{ value: "x" }], says: /\/router\/extraEnv\/0/ },
    { path: "router.resources", value: { limit: {} }, says: /\/router\/resources.*'limit'/ },
    { path: "operator.watchNamespaces", value: ["Team A"], says: /\/operator\/watchNamespaces\/0/ },
    { path: "tls.certManager.duration", value: "90 days" },
    { path: "networkPolicy.clients", value: [{}], says: /\/networkPolicy\/clients\/0/ },
    { path: "networkPolicy.dnsPorts", value: ["dns"], says: /\/networkPolicy\/dnsPorts\/0/ },
    { path: "monitoring.kind", value: "Prometheus" },
    { path: "shop.shoppers.people", value: 0 },
  ];
  for (const { path, value, says } of wrong) {
    test(`${path}: ${JSON.stringify(value)} is refused by name`, async () => {
      const at = new RegExp(`'/${path.replaceAll(".", "/")}'`);
      await assert.rejects(renderText({ helm, values: nested(path, value) }), says ?? at);
    });
  }
});
