// The CRDs against a real API server: every documented example is taken, and what is wrong is refused by the field's name.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { kindDefinitions, meshServiceDefinition, validateDocument } from "@malla/sdk/resources";
import { eventually } from "../../harness/index.ts";
import { ApiServer, kubernetesOrSkip } from "../harness/index.ts";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const CRDS = join(ROOT, "broker-config/kubernetes/chart/crds");
const { skip, binaries } = kubernetesOrSkip();

/** `spec` of a document as JSON, and what the refusal must say. */
interface Wrong {
  readonly what: string;
  readonly kind: string;
  readonly spec: object;
  readonly says: RegExp;
  readonly name?: string;
}

const match = { service: "catalog" };
const WRONG: readonly Wrong[] = [
  { what: "no match", kind: "Route", spec: {}, says: /spec\.match: Required/ },
  { what: "no service", kind: "AccessPolicy", spec: {}, says: /spec\.service: Required/ },
  { what: "an unknown field", kind: "Route", spec: { match, tiemoutMs: 5 }, says: /unknown field "spec\.tiemoutMs"/ },
  {
    what: "service and subject",
    kind: "Route",
    spec: { match: { service: "a", subject: "a.*" } },
    says: /spec\.match: Invalid value.*set exactly one of service, subject/s,
  },
  {
    what: "neither service nor subject",
    kind: "Route",
    spec: { match: { principals: ["a"] } },
    says: /spec\.match: Invalid value.*set exactly one of service, subject/s,
  },
  {
    what: "methods beside subject",
    kind: "Route",
    spec: { match: { subject: "a.*", methods: ["list"] } },
    says: /spec\.match\.methods: Invalid value.*methods cannot stand beside subject/s,
  },
  {
    what: "a reserved service",
    kind: "Route",
    spec: { match: { service: "mesh" } },
    says: /spec\.match\.service: Invalid value.*reserved/s,
  },
  {
    what: "a service in capitals",
    kind: "ServicePolicy",
    spec: { service: "Orders" },
    says: /spec\.service: Invalid value: "Orders"/,
  },
  {
    what: "a method with a dot",
    kind: "Route",
    spec: { match: { service: "a", methods: ["get.*"] } },
    says: /spec\.match\.methods\[0\]: Invalid value/,
  },
  {
    what: "a method twice",
    kind: "Route",
    spec: { match: { service: "a", methods: ["list", "list"] } },
    says: /spec\.match\.methods\[1\]: Duplicate value/,
  },
  {
    what: "a header that has no name",
    kind: "Route",
    spec: { match: { ...match, headers: { "x y": { exact: "1" } } } },
    says: /spec\.match\.headers: Invalid value.*name of a header/s,
  },
  {
    what: "two ways to match a header",
    kind: "Route",
    spec: { match: { ...match, headers: { a: { exact: "1", prefix: "2" } } } },
    says: /spec\.match\.headers\[a\]: Invalid value.*set exactly one of exact, prefix, regex, present/s,
  },
  {
    what: "a header matched in no way",
    kind: "Route",
    spec: { match: { ...match, headers: { a: {} } } },
    says: /spec\.match\.headers\[a\]: Invalid value.*set exactly one/s,
  },
  {
    what: "no weight above 0",
    kind: "Route",
    spec: { match, destinations: [{ weight: 0 }] },
    says: /spec\.destinations: Invalid value.*weight/s,
  },
  {
    what: "a weight below 0",
    kind: "Route",
    spec: { match, destinations: [{ weight: -1 }] },
    says: /spec\.destinations\[0\]\.weight: Invalid value: -1/,
  },
  {
    what: "a tag with a blank",
    kind: "Route",
    spec: { match, destinations: [{ tags: { "a b": "c" } }] },
    says: /spec\.destinations\[0\]\.tags: Invalid value.*name of a tag/s,
  },
  {
    what: "a tag that is no text",
    kind: "Route",
    spec: { match, destinations: [{ tags: { zone: 3 } }] },
    says: /spec\.destinations\[0\]\.tags\.zone: Invalid value: "integer"/,
  },
  {
    what: "a deadline that is no number",
    kind: "Route",
    spec: { match, timeoutMs: "2s" },
    says: /spec\.timeoutMs: Invalid value: "string"/,
  },
  {
    what: "a deadline that is a fraction",
    kind: "Route",
    spec: { match, timeoutMs: 1.5 },
    says: /spec\.timeoutMs: Invalid value/,
  },
  {
    what: "a deadline above the cap",
    kind: "ServicePolicy",
    spec: { service: "a", timeoutMs: 300_001 },
    says: /spec\.timeoutMs: Invalid value: 300001/,
  },
  {
    what: "an attempt longer than the call",
    kind: "Route",
    spec: { match, timeoutMs: 100, perTryTimeoutMs: 200 },
    says: /spec\.perTryTimeoutMs: Invalid value.*at most timeoutMs/s,
  },
  {
    what: "two back-offs",
    kind: "Route",
    spec: { match, retries: { backoff: { fixed: {}, exponential: {} } } },
    says: /spec\.retries\.backoff: Invalid value.*set exactly one of fixed, exponential/s,
  },
  {
    what: "a cap below its base",
    kind: "Route",
    spec: { match, retries: { backoff: { exponential: { baseMs: 50, capMs: 10 } } } },
    says: /spec\.retries\.backoff\.exponential\.capMs: Invalid value.*at least baseMs/s,
  },
  {
    what: "eleven retries",
    kind: "Route",
    spec: { match, retries: { attempts: 11 } },
    says: /spec\.retries\.attempts: Invalid value: 11/,
  },
  {
    what: "a condition there is not",
    kind: "Route",
    spec: { match, retries: { on: ["always"] } },
    says: /spec\.retries\.on\[0\]: Unsupported value: "always"/,
  },
  {
    what: "a balancer there is not",
    kind: "ServicePolicy",
    spec: { service: "a", loadBalancer: "best" },
    says: /spec\.loadBalancer: Unsupported value: "best"/,
  },
  {
    what: "an ejection that shrinks",
    kind: "ServicePolicy",
    spec: { service: "a", outlierDetection: { baseEjectionMs: 10, maxEjectionMs: 5 } },
    says: /spec\.outlierDetection\.maxEjectionMs: Invalid value.*at least baseEjectionMs/s,
  },
  {
    what: "an action there is not",
    kind: "AccessPolicy",
    spec: { service: "a", action: "permit" },
    says: /spec\.action: Unsupported value: "permit"/,
  },
  {
    what: "rules that are no list",
    kind: "AccessPolicy",
    spec: { service: "a", rules: {} },
    says: /spec\.rules: Invalid value: "object"/,
  },
  { what: "an empty rewrite", kind: "Route", spec: { match, rewrite: {} }, says: /spec\.rewrite: Invalid value/ },
  {
    what: "a name of two labels",
    kind: "Route",
    name: "a.b",
    spec: { match },
    says: /metadata\.name must be a DNS label/,
  },
  {
    what: "directTo without its role",
    kind: "MeshService",
    spec: { directTo: ["a"] },
    says: /spec\.directTo: Invalid value.*role direct/s,
  },
  {
    what: "a role there is not",
    kind: "MeshService",
    spec: { role: "operator" },
    says: /spec\.role: Unsupported value: "operator"/,
  },
  {
    what: "an account of the mesh",
    kind: "MeshService",
    spec: { application: "CTRL" },
    says: /spec\.application: Invalid value.*account of the mesh/s,
  },
  {
    what: "a life of no hours",
    kind: "MeshService",
    spec: { lifetimeHours: 0 },
    says: /spec\.lifetimeHours: Invalid value: 0/,
  },
];

describe("custom resource definitions", { skip }, () => {
  let api: ApiServer;

  before(async () => {
    if (skip !== false) return;
    api = await ApiServer.start(binaries());
    await api.must(["apply", "--server-side", "-f", CRDS]);
    for (const file of readdirSync(CRDS)) {
      const name = file.replace(/\.yaml$/, "");
      await api.must(["wait", "--for=condition=Established", `crd/${name}`, "--timeout=30s"]);
    }
    // Established is said a moment before the paths are served.
    await eventually(async () => void (await api.must(["get", "malla", "-A"])), { withinMs: 15_000, everyMs: 200 });
  });
  after(async () => {
    await api?.stop();
  });

  it("are structural, and none of their rules costs too much", async () => {
    for (const file of readdirSync(CRDS)) {
      const name = file.replace(/\.yaml$/, "");
      const text = await api.must(["get", "crd", name, "-o", "json"]);
      const { conditions } = (JSON.parse(text) as { status: { conditions: { type: string; status: string }[] } })
        .status;
      const bad = conditions.filter(({ type, status }) => type === "NonStructuralSchema" && status === "True");
      assert.deepEqual(bad, [], name);
    }
  });

  for (const { kind, example } of [...kindDefinitions, meshServiceDefinition]) {
    it(`take the example of ${kind}`, async () => {
      await api.must(["apply", "--server-side", "--dry-run=server", "-f", "-"], example);
      await api.must(["apply", "--dry-run=server", "-f", "-"], example);
    });
  }

  it("take `on` without quotes, which kubectl reads as true", async () => {
    const route = `apiVersion: malla.dev/v1
kind: Route
metadata: { name: bare }
spec: { match: { service: catalog }, retries: { attempts: 2, on: [gone] } }
`;
    const stored = await api.must(["apply", "--dry-run=server", "-o", "json", "-f", "-"], route);
    const { document } = validateDocument(JSON.parse(stored));
    assert.deepEqual(document?.kind === "Route" && document.spec.retries?.on, ["gone"]);
  });

  it("take every document that the docs show", async () => {
    const shown = documentedExamples();
    assert.ok(shown.length > 0);
    for (const namespace of new Set(shown.flatMap(({ text }) => /\bnamespace: ([a-z0-9-]+)/.exec(text)?.[1] ?? [])))
      await api.must(["create", "namespace", namespace]);
    for (const { file, text } of shown) {
      const { code, stderr } = await api.kubectl(["apply", "--dry-run=server", "-f", "-"], text);
      assert.equal(code, 0, `${file}: ${stderr}\n${text}`);
    }
  });

  for (const { what, kind, spec, says, name = "wrong" } of WRONG) {
    it(`refuse ${what} (${kind}) and name the field`, async () => {
      const document = { apiVersion: "malla.dev/v1", kind, metadata: { name, namespace: "default" }, spec };
      const { code, stderr } = await api.kubectl(["create", "-f", "-"], JSON.stringify(document));
      assert.notEqual(code, 0, "it was taken");
      assert.match(stderr, says);
    });
  }

  it("show a table that says what matters", async () => {
    await api.must(["apply", "-f", "-"], kindDefinitions.map(({ example }) => example).join("---\n"));
    for (const { plural, shortNames } of kindDefinitions) {
      const table = await api.must(["get", shortNames[0] ?? plural]);
      assert.match(table, /ACCEPTED +PROGRAMMED +AGE/, plural);
    }
    assert.match(await api.must(["get", "mrt", "-o", "wide"]), /REVISION +REASON/);
  });
});

const DOCS = ["broker-config/docs", "router/docs", "sdk/docs", "services"];

/** Whole documents of our kinds in fenced YAML of the docs. */
function documentedExamples(): readonly { readonly file: string; readonly text: string }[] {
  const found: { file: string; text: string }[] = [];
  for (const file of ["README.md", ...DOCS.flatMap(docsUnder)]) {
    let text: string;
    try {
      text = readFileSync(join(ROOT, file), "utf8");
    } catch {
      continue;
    }
    const blocks = [...text.matchAll(/```ya?ml\n([\s\S]*?)```/g)].map(([, block = ""]) => block);
    for (const document of blocks.flatMap((block) => block.split(/^---$/m)))
      if (/^apiVersion: malla\.dev\/v1$/m.test(document) && /^spec:/m.test(document))
        found.push({ file, text: document });
  }
  return found;
}

function docsUnder(folder: string): readonly string[] {
  try {
    return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".md") && !name.includes("node_modules"))
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}
