import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { kindDefinitions } from "./kinds.ts";
import { MAX_DOCUMENT_BYTES, MAX_FILE_BYTES, MAX_PROBLEMS, parseDocuments } from "./parse-yaml.ts";

/** A Route whose spec is the given lines, the first of them in line 5. */
function route(...spec: string[]): string {
  return ["apiVersion: malla.dev/v1", "kind: Route", "metadata: { name: x }", "spec:", ...spec].join("\n");
}

const MATCH = "  match: { service: catalog }";

interface Case {
  readonly name: string;
  readonly text: string;
  /** `line:column document path: message (hint)` */
  readonly want: readonly string[];
}

const malformed: readonly Case[] = [
  {
    name: "unknown field in spec, near a known one",
    text: route(MATCH, "  timeout: 100"),
    want: ['6:3 Route/x spec.timeout: is not a known field (did you mean "timeoutMs"?)'],
  },
  {
    name: "unknown field far from all",
    text: route("  match: { service: catalog, colour: red }"),
    want: [
      "5:30 Route/x spec.match.colour: is not a known field (known fields: subject, service, methods, headers, principals)",
    ],
  },
  {
    name: "two unknown fields",
    text: route(MATCH, "  retires: {}", "  destnations: []"),
    want: [
      '6:3 Route/x spec.retires: is not a known field (did you mean "retries"?)',
      '7:3 Route/x spec.destnations: is not a known field (did you mean "destinations"?)',
    ],
  },
  {
    name: "unknown field at the top",
    text: `${route(MATCH)}\nsepc: {}`,
    want: ['6:1 Route/x sepc: is not a known field (did you mean "spec"?)'],
  },
  {
    name: "unknown field in metadata",
    text: "apiVersion: malla.dev/v1\nkind: Route\nmetadata:\n  name: x\n  lables: {}\nspec: { match: { service: a } }",
    want: ['5:3 Route/x metadata.lables: is not a known field (did you mean "labels"?)'],
  },
  {
    name: "weight out of range, second destination",
    text: route(MATCH, "  destinations:", "    - { weight: 1 }", "    - version: 1.x", "      weight: 2000000"),
    want: ["9:15 Route/x spec.destinations[1].weight: must be at most 1000000, is 2000000"],
  },
  {
    name: "negative weight in flow style",
    text: route(MATCH, "  destinations: [{ weight: -1 }]"),
    want: ["6:28 Route/x spec.destinations[0].weight: must be at least 0, is -1"],
  },
  {
    name: "weight with a fraction",
    text: route(MATCH, "  destinations: [{ weight: 1.5 }]"),
    want: ["6:28 Route/x spec.destinations[0].weight: must be a whole number, is 1.5"],
  },
  {
    name: "all weights zero",
    text: route(MATCH, "  destinations:", "    - weight: 0"),
    want: ["6:3 Route/x spec.destinations: at least one weight must be above 0"],
  },
  {
    name: "duration with a unit",
    text: route(MATCH, "  timeoutMs: 2s"),
    want: ['6:14 Route/x spec.timeoutMs: must be a whole number, is the text "2s" (write milliseconds: 2000)'],
  },
  {
    name: "duration in quotes",
    text: route(MATCH, '  timeoutMs: "2000"'),
    want: ['6:14 Route/x spec.timeoutMs: must be a whole number, is the text "2000" (remove the quotes: 2000)'],
  },
  {
    name: "deadline above the cap",
    text: route(MATCH, "  timeoutMs: 300001"),
    want: ["6:14 Route/x spec.timeoutMs: must be at most 300000, is 300001"],
  },
  {
    name: "per-try timeout above the deadline",
    text: route(MATCH, "  timeoutMs: 100", "  perTryTimeoutMs: 200"),
    want: ["7:20 Route/x spec.perTryTimeoutMs: must be at most timeoutMs"],
  },
  {
    name: "header value that is a number",
    text: route("  match:", "    service: catalog", "    headers:", "      x-v: { exact: 1.10 }"),
    want: ['8:21 Route/x spec.match.headers["x-v"].exact: must be text, is 1.1 (put it in quotes: "1.10")'],
  },
  {
    name: "version that is a number",
    text: route(MATCH, "  destinations: [{ version: 2 }]"),
    want: ['6:29 Route/x spec.destinations[0].version: must be text, is 2 (put it in quotes: "2")'],
  },
  {
    name: "version that is no range",
    text: route(MATCH, "  destinations: [{ version: latest }]"),
    want: [
      "6:29 Route/x spec.destinations[0].version: must be a version range in npm's syntax (for example 1.x, ^2.1.0 or >=1.4 <2)",
    ],
  },
  {
    name: "neither service nor subject",
    text: route("  match:", "    methods: [list]"),
    want: ["5:3 Route/x spec.match: set exactly one of service, subject"],
  },
  {
    name: "both service and subject, and methods beside it",
    text: route("  match:", "    service: a", '    subject: "a.*"', "    methods: [list]"),
    want: [
      "5:3 Route/x spec.match: set exactly one of service, subject",
      "8:5 Route/x spec.match.methods: methods cannot stand beside subject, which names them already",
    ],
  },
  {
    name: "two ways to match a header",
    text: route("  match:", "    service: a", "    headers:", "      x-a: { exact: a, prefix: b }"),
    want: ['8:7 Route/x spec.match.headers["x-a"]: set exactly one of exact, prefix, regex, present'],
  },
  {
    name: "partial wildcard in a subject",
    text: route('  match: { subject: "cat*.list" }'),
    want: [
      "5:21 Route/x spec.match.subject: must be <service>.<method> with NATS wildcards: * for a whole token, > for the rest",
    ],
  },
  {
    name: "service in capitals",
    text: route("  match: { service: Catalog }"),
    want: [
      "5:21 Route/x spec.match.service: must be the name of a service: 1 to 63 lower-case letters, digits and dashes, with a letter or digit at both ends",
    ],
  },
  {
    name: "reserved service",
    text: route("  match: { service: mesh }"),
    want: ["5:21 Route/x spec.match.service: is a reserved name, no service can carry it"],
  },
  {
    name: "method with a dash",
    text: route("  match: { service: a, methods: [get, do-it] }"),
    want: ["5:39 Route/x spec.match.methods[1]: must be the name of a method, with * for any characters"],
  },
  {
    name: "method listed twice",
    text: route("  match:", "    service: a", "    methods:", "      - get", "      - get"),
    want: ['9:9 Route/x spec.match.methods[1]: "get" is listed twice'],
  },
  {
    name: "a word where a list should be",
    text: route("  match: { service: a, methods: get }"),
    want: ['5:33 Route/x spec.match.methods: must be a list, is the text "get" (write a list: [get])'],
  },
  {
    name: "empty list",
    text: route(MATCH, "  destinations: []"),
    want: ["6:3 Route/x spec.destinations: must have at least 1 entry, has 0 (remove the field to leave it open)"],
  },
  {
    name: "field without a value",
    text: route(MATCH, "  rewrite:"),
    want: ["6:3 Route/x spec.rewrite: is empty, must be a map (give it a value or remove the field)"],
  },
  {
    name: "rewrite of nothing",
    text: route(MATCH, "  rewrite: {}"),
    want: ["6:3 Route/x spec.rewrite: set method"],
  },
  {
    name: "unknown retry condition",
    text: route(MATCH, "  retries: { on: [unavailabel] }"),
    want: [
      '6:19 Route/x spec.retries.on[0]: must be one of unavailable, deadline, gone, resource-exhausted, internal, unknown, aborted, is the text "unavailabel" (did you mean "unavailable"?)',
    ],
  },
  {
    name: "two kinds of back-off",
    text: route(MATCH, "  retries:", "    backoff:", "      fixed: {}", "      exponential: {}"),
    want: ["7:5 Route/x spec.retries.backoff: set exactly one of fixed, exponential"],
  },
  {
    name: "cap below base",
    text: route(MATCH, "  retries: { backoff: { exponential: { baseMs: 500 } } }"),
    want: ["6:25 Route/x spec.retries.backoff.exponential.capMs: must be at least baseMs"],
  },
  {
    name: "missing name and spec",
    text: "apiVersion: malla.dev/v1\nkind: Route\nmetadata: {}",
    want: ["1:1 document 1 spec: is required", "3:1 document 1 metadata.name: is required"],
  },
  {
    name: "name that is no DNS label",
    text: "apiVersion: malla.dev/v1\nkind: Route\nmetadata:\n  name: My_Route\nspec: { match: { service: a } }",
    want: [
      "4:9 Route/My_Route metadata.name: must be a name: 1 to 63 lower-case letters, digits and dashes, with a letter or digit at both ends",
    ],
  },
  {
    name: "unknown kind, near a known one",
    text: "apiVersion: malla.dev/v1\nkind: Rout\nmetadata: { name: x }",
    want: [
      '2:7 Rout/x kind: is not a known kind: the text "Rout" (did you mean "Route"? known kinds: Route, ServicePolicy, AccessPolicy)',
    ],
  },
  {
    name: "unknown version",
    text: "apiVersion: malla.dev/v2\nkind: Route\nmetadata: { name: x }",
    want: ['1:13 Route/x apiVersion: must be malla.dev/v1, is the text "malla.dev/v2"'],
  },
  {
    name: "something else entirely",
    text: "just a line",
    want: ['1:1 document 1 : must be a map with apiVersion, kind, metadata and spec, is the text "just a line"'],
  },
  {
    name: "no version and no kind",
    text: "# comment\nmetadata: { name: x }",
    want: [
      "2:1 document 1 apiVersion: is required (write apiVersion: malla.dev/v1)",
      "2:1 document 1 kind: is required (known kinds: Route, ServicePolicy, AccessPolicy)",
    ],
  },
  {
    name: "duplicate field",
    text: route(MATCH, "  timeoutMs: 1", "  timeoutMs: 2"),
    want: ['7:3 Route/x : "timeoutMs" stands twice in this map (remove one of the two)'],
  },
  {
    name: "tab as indentation",
    text: route("\tmatch: { service: a }"),
    want: ["5:1 document 1 : Tabs are not allowed as indentation (indent with spaces)"],
  },
  {
    name: "unclosed quote",
    text: route('  match: { service: "catalog }'),
    want: ['5:31 document 1 : Missing closing "quote (check brackets, quotes and colons)'],
  },
  {
    name: "alias of nothing",
    text: route("  match: *gone"),
    want: ["5:10 Route/x : *gone stands for nothing (write &gone before the value it stands for)"],
  },
  {
    name: "alias inside itself",
    text: route("  match: &a { service: *a }"),
    want: ["5:24 Route/x : *a stands inside what it stands for"],
  },
  {
    name: "unknown tag",
    text: route("  match: !regex { service: a }"),
    want: ["5:10 document 1 : Unresolved tag: !regex"],
  },
  {
    name: "problem in what was merged in is shown at its source",
    text: [
      "apiVersion: malla.dev/v1",
      "kind: Route",
      "metadata: { name: x }",
      "spec:",
      "  match: &m { service: A }",
      "  <<: *m",
    ].join("\n"),
    want: [
      "5:15 Route/x spec.service: is not a known field (known fields: match, destinations, rewrite, timeoutMs, perTryTimeoutMs, retries)",
      "5:24 Route/x spec.match.service: must be the name of a service: 1 to 63 lower-case letters, digits and dashes, with a letter or digit at both ends",
    ],
  },
  {
    name: "second document of a stream, third counting an empty one",
    text: `${route(MATCH)}\n---\n# nothing\n---\n${route("  match: { service: 1 }")}`,
    want: ['13:21 Route/x spec.match.service: must be text, is 1 (put it in quotes: "1")'],
  },
  {
    name: "same name twice",
    text: `${route(MATCH)}\n---\n${route(MATCH)}`,
    want: ["9:19 Route/x metadata.name: is the name of the Route at line 1 already (rename or remove one of the two)"],
  },
  {
    name: "JSON, in the middle of a line",
    text: '{"apiVersion":"malla.dev/v1","kind":"AccessPolicy","metadata":{"name":"p"},"spec":{"service":"a","action":"alow"}}',
    want: ['1:107 AccessPolicy/p spec.action: must be one of allow, deny, is the text "alow" (did you mean "allow"?)'],
  },
  {
    name: "item of a list",
    text: [
      "apiVersion: v1",
      "kind: List",
      "items:",
      "  - apiVersion: malla.dev/v1",
      "    kind: ServicePolicy",
      "    metadata: { name: s }",
      "    spec: { service: s, maxInFlight: 0 }",
    ].join("\n"),
    want: ["7:38 ServicePolicy/s spec.maxInFlight: must be at least 1, is 0"],
  },
  {
    name: "list without items",
    text: "apiVersion: v1\nkind: List\nitems: no",
    want: ["3:8 document 1 items: must be a list of documents"],
  },
  {
    name: "namespace that is no name",
    text: "apiVersion: malla.dev/v1\nkind: Route\nmetadata: { name: x, namespace: No_Way }\nspec: { match: { service: a } }",
    want: ["3:33 Route/x metadata.namespace: must be the name of a namespace: lower-case letters, digits and dashes"],
  },
  {
    name: "header names that differ in case only",
    text: route(
      "  match:",
      "    service: a",
      "    headers:",
      "      X-A: { present: true }",
      "      x-a: { present: true }",
    ),
    want: ['9:7 Route/x spec.match.headers["x-a"]: "x-a" and "X-A" are the same name'],
  },
  {
    name: "header name with a blank",
    text: route("  match:", "    service: a", "    headers:", "      x a: { present: true }"),
    want: ['8:7 Route/x spec.match.headers["x a"]: must be the name of a header: letters, digits and !#$%&\'*+.^_`|~-'],
  },
  {
    name: "regular expression with look-ahead",
    text: route("  match:", "    service: a", "    headers:", '      x-a: { regex: "(?=a)b" }'),
    want: ['8:21 Route/x spec.match.headers["x-a"].regex: of the groups that begin with (? only (?: is supported'],
  },
  {
    name: "yes is text in YAML 1.2",
    text: "apiVersion: malla.dev/v1\nkind: ServicePolicy\nmetadata: { name: s }\nspec: { service: s, direct: yes }",
    want: ['4:29 ServicePolicy/s spec.direct: must be true or false, is the text "yes" (write true or false)'],
  },
];

describe("parseDocuments", () => {
  for (const { name, text, want } of malformed) {
    it(`refuses: ${name}`, () => {
      const { problems } = parseDocuments(text, { file: "f.yaml" });
      const got = problems.map(
        ({ line, column, document, path, message, hint }) =>
          `${line}:${column} ${document} ${path}: ${message}${hint === undefined ? "" : ` (${hint})`}`,
      );
      assert.deepEqual(got, want);
    });
  }

  it("points at the same places with CRLF and after a byte-order mark", () => {
    const text = `\ufeff${route(MATCH, "  timeoutMs: -1").replaceAll("\n", "\r\n")}`;
    const { line, column } = parseDocuments(text, { file: "f" }).problems[0] ?? {};
    assert.deepEqual([line, column], [6, 14]);
  });

  it("keeps the good documents of a file beside the refused ones", () => {
    const text = `${route(MATCH)}\n---\n${route("  match: {}").replace("name: x", "name: y")}`;
    const { documents, problems } = parseDocuments(text, { file: "f" });
    assert.deepEqual(
      documents.map(({ metadata }) => metadata.name),
      ["x"],
    );
    assert.deepEqual(
      problems.map(({ document }) => document),
      ["Route/y"],
    );
  });

  it("fills in every default", () => {
    const text =
      "apiVersion: malla.dev/v1\nkind: Route\nmetadata: { name: x }\nspec: { match: { service: a }, retries: {} }";
    assert.deepEqual(parseDocuments(text, { file: "f" }).documents, [
      {
        apiVersion: "malla.dev/v1",
        kind: "Route",
        metadata: { name: "x" },
        spec: {
          match: { service: "a" },
          destinations: [{ weight: 1 }],
          retries: {
            attempts: 2,
            on: ["unavailable"],
            backoff: { exponential: { baseMs: 25, capMs: 250 } },
            budget: { percent: 20, minPerSecond: 10 },
          },
        },
      },
    ]);
    const policy = "apiVersion: malla.dev/v1\nkind: AccessPolicy\nmetadata: { name: x }\nspec: { service: a }";
    const spec = parseDocuments(policy, { file: "f" }).documents[0]?.spec;
    assert.deepEqual(spec, { service: "a", action: "allow", mode: "enforce", rules: [] });
    const outlier =
      "apiVersion: malla.dev/v1\nkind: ServicePolicy\nmetadata: { name: x }\nspec: { service: a, outlierDetection: {} }";
    assert.deepEqual(parseDocuments(outlier, { file: "f" }).documents[0]?.spec, {
      service: "a",
      outlierDetection: { consecutiveFailures: 5, baseEjectionMs: 10_000, maxEjectionMs: 300_000, panicPercent: 50 },
    });
  });

  it("drops what Kubernetes keeps in a document and returns the namespace beside it", () => {
    const text = `apiVersion: malla.dev/v1
kind: Route
metadata:
  name: x
  namespace: shop
  uid: 0c5d
  resourceVersion: "77"
  generation: 3
  creationTimestamp: "2030-01-31T12:00:00Z"
  managedFields: [{ manager: kubectl }]
  ownerReferences: []
  finalizers: [malla.dev/cleanup]
  labels: {}
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: "{}"
spec: { match: { service: a } }
status: { conditions: [{ type: Accepted }] }
`;
    const { entries, problems } = parseDocuments(text, { file: "f" });
    assert.deepEqual(problems, []);
    assert.deepEqual(entries[0]?.document.metadata, { name: "x", createdAt: "2030-01-31T12:00:00.000Z" });
    assert.equal(entries[0]?.namespace, "shop");
  });

  it("takes a creation timestamp of null, as kubectl's dry run writes it", () => {
    const text =
      "apiVersion: malla.dev/v1\nkind: Route\nmetadata: { name: x, creationTimestamp: null }\nspec: { match: { service: a } }";
    assert.deepEqual(parseDocuments(text, { file: "f" }).documents[0]?.metadata, { name: "x" });
  });

  it("takes JSON indented with tabs, anchors, merges and lists", () => {
    const json =
      '{\n\t"apiVersion": "malla.dev/v1",\n\t"kind": "Route",\n\t"metadata": {"name": "x"},\n\t"spec": {"match": {"service": "a"}}\n}\n';
    assert.equal(parseDocuments(json, { file: "f" }).documents.length, 1);
    const list = `apiVersion: v1
kind: List
items:
  - &first
    apiVersion: malla.dev/v1
    kind: Route
    metadata: { name: x }
    spec: { match: { service: a } }
  - <<: *first
    metadata: { name: y }
`;
    const { documents, problems } = parseDocuments(list, { file: "f" });
    assert.deepEqual(problems, []);
    assert.deepEqual(
      documents.map(({ metadata }) => metadata.name),
      ["x", "y"],
    );
  });

  it("finds nothing in a text of comments and markers", () => {
    for (const text of ["", "\n\n", "# a\n---\n# b\n---\n...\n", "%YAML 1.2\n---\n"]) {
      assert.deepEqual(parseDocuments(text, { file: "f" }), { documents: [], entries: [], problems: [] });
    }
  });

  it("keeps directives with the document they stand before", () => {
    const { documents, problems } = parseDocuments(`# head\n%YAML 1.2\n---\n${route(MATCH)}\n...\n`, { file: "f" });
    assert.deepEqual([documents.length, problems], [1, []]);
    const tagged = `%TAG !y! tag:yaml.org,2002:\n---\n${route("  match: { service: !y!str 1 }")}`;
    const [first] = parseDocuments(tagged, { file: "f" }).documents;
    assert.deepEqual(first?.kind === "Route" && first.spec.match, { service: "1" });
  });

  it("says later where a field stands", () => {
    const text = route(
      "  match:",
      "    service: a",
      "    methods: [z, a]",
      "    headers:",
      "      x.y: { exact: q }",
      "      x: { regex: a+ }",
      "  destinations:",
      "    - weight: 1",
      "    - version: 1.x",
    );
    const entry = parseDocuments(text, { file: "f" }).entries[0];
    const table: readonly [string, number, number][] = [
      ["", 1, 1],
      ["spec.match.service", 6, 14],
      ["spec.match.methods[1]", 7, 5],
      ["spec.match.headers.x.regex", 10, 19],
      ["spec.match.headers.x.y.exact", 9, 21],
      ['spec.match.headers["x.y"].exact', 9, 21],
      ["spec.destinations[1].version", 13, 16],
      ["spec.destinations[1].weight", 13, 7],
      ["spec.timeoutMs", 4, 1],
      ["nonsense[", 1, 1],
    ];
    for (const [path, line, column] of table) assert.deepEqual(entry?.positionOf(path), { line, column }, path);
  });

  it("treats __proto__ as a field like any other", () => {
    const { problems } = parseDocuments(route("  match: { service: a }", "  __proto__: { polluted: true }"), {
      file: "f",
    });
    assert.equal(problems[0]?.path, "spec.__proto__");
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
    const labels =
      "apiVersion: malla.dev/v1\nkind: Route\nmetadata: { name: x, labels: { __proto__: x } }\nspec: { match: { service: a } }";
    assert.equal(parseDocuments(labels, { file: "f" }).documents.length, 0);
  });
});

describe("parseDocuments under attack", () => {
  const bounded = (text: string, limitMs = 10_000) => {
    const startedAt = performance.now();
    const parsed = parseDocuments(text, { file: "f" });
    assert.ok(performance.now() - startedAt < limitMs, `took ${Math.round(performance.now() - startedAt)} ms`);
    return parsed;
  };

  it("counts what aliases expand to", () => {
    const lists = ["a: &a [x, x, x, x, x, x, x, x, x, x]"];
    for (const [from, to] of [..."abcdefghi"].map((name, index) => [name, "bcdefghij"[index]])) {
      lists.push(`${to}: &${to} [${Array(10).fill(`*${from}`).join(", ")}]`);
    }
    assert.match(bounded(lists.join("\n"), 500).problems[0]?.message ?? "", /aliases expand to more than/);
  });

  it("counts what merges expand to", () => {
    const maps = ["a: &a { x: 1 }"];
    for (let level = 0; level < 30; level++) {
      const source = level === 0 ? "a" : `m${level - 1}`;
      maps.push(`m${level}: &m${level} { <<: [${Array(10).fill(`*${source}`).join(", ")}] }`);
    }
    assert.match(bounded(maps.join("\n"), 500).problems[0]?.message ?? "", /aliases expand to more than/);
  });

  it("bounds the number of aliases, the depth and the sizes", () => {
    const many = `a: &a 1\nb: [${Array(1_200).fill("*a").join(", ")}]`;
    assert.match(bounded(many).problems[0]?.message ?? "", /more than 1000 aliases/);
    const deep = `${"[".repeat(100)}${"]".repeat(100)}`;
    assert.match(bounded(deep).problems[0]?.message ?? "", /nested deeper than 64 levels/);
    assert.match(bounded("[".repeat(5_000)).problems[0]?.message ?? "", /nested too deeply|flow sequence/i);
    const large = `a: ${"x".repeat(MAX_DOCUMENT_BYTES)}`;
    assert.match(bounded(large).problems[0]?.message ?? "", /at most 1048576 are read/);
    const huge = "#".repeat(MAX_FILE_BYTES + 1);
    assert.match(bounded(huge).problems[0]?.message ?? "", /at most 16777216 are read/);
  });

  it("stops the parser where it would take the stack or the heap", () => {
    // A map in each value of a compact map, ten thousand deep: the parser's generators recursed until the stack was gone.
    const compact = `{\n  "kind":i "Serv${"kind: Route\n".repeat(10_000)}`;
    assert.match(bounded(compact, 500).problems[0]?.message ?? "", /nested too deeply/);
    // An Error with its stack for each: 1.6 GB for 1 MiB.
    const { problems } = bounded("}".repeat(1_000_000), 500);
    assert.deepEqual(
      problems.map(({ line, column, message }) => [line, column, message.startsWith("the first of many errors")]),
      [[1, 1, true]],
    );
    assert.match(bounded(`${"? ".repeat(200_000)}x`, 500).problems[0]?.message ?? "", /nested too deeply/);
    assert.ok(Error.stackTraceLimit > 0);
  });

  it("quotes little of what is wrong, however long that is", () => {
    const long = "a".repeat(50_000);
    const texts = [
      `"a" ${"word ".repeat(10_000)}`,
      `a: *${long}`,
      `${long}: 1\n${long}: 2`,
      `apiVersion: malla.dev/v1\nkind: Route\nmetadata: { name: a }\nspec: { ${long}: 1 }`,
    ];
    for (const text of texts) {
      const { problems } = bounded(text);
      assert.ok(problems.length > 0);
      for (const { path, message, hint = "" } of problems)
        for (const said of [path, message, hint]) assert.ok(said.length <= 301, `${said.length}: ${said.slice(0, 60)}`);
    }
  });

  it("reads many fields in time proportional to their number", () => {
    const fields = Array.from({ length: 50_000 }, (_, index) => `k${index}: 1`).join("\n");
    assert.equal(bounded(fields).problems.length, 2);
  });

  it("stops after a number of problems", () => {
    assert.equal(bounded("x\n---\n".repeat(2_000)).problems.length, MAX_PROBLEMS);
  });

  it("never throws, whatever the text", () => {
    const fragment = fc.oneof(
      fc.string({ unit: "binary", maxLength: 20 }),
      fc.constantFrom(
        "---\n",
        "...\n",
        "\n",
        "  ",
        "\t",
        ": ",
        "- ",
        "? ",
        "&a ",
        "*a",
        "<<: ",
        "!!str ",
        "!x ",
        "{",
        "}",
        "[",
        "]",
      ),
      fc.constantFrom(
        "|\n",
        ">\n",
        '"',
        "'",
        "#",
        "%YAML 1.1\n",
        "__proto__",
        "null",
        "~",
        "1e999",
        "0x1f",
        "kind: ",
        "spec:\n",
      ),
      fc.constantFrom(
        "apiVersion: malla.dev/v1\n",
        "kind: Route\n",
        "kind: List\n",
        "items:\n",
        "metadata: { name: x }\n",
        "match: ",
      ),
      fc.constantFrom(...kindDefinitions.map(({ example }) => example)),
    );
    const text = fc.array(fragment, { maxLength: 40 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, (source) => {
        const { documents, problems } = bounded(source, 2_000);
        assert.ok(documents.length >= 0);
        for (const { line, column } of problems)
          assert.ok(line >= 1 && column >= 1 && line <= source.split("\n").length);
      }),
      { numRuns: 400 },
    );
  });

  it("never throws when a good document is damaged", () => {
    const damage = fc.record({
      example: fc.constantFrom(...kindDefinitions.map(({ example }) => example)),
      at: fc.nat(),
      cut: fc.nat(12),
      insert: fc.string({ unit: "grapheme", maxLength: 6 }),
    });
    fc.assert(
      fc.property(damage, ({ example, at, cut, insert }) => {
        const offset = at % example.length;
        const { documents, problems } = bounded(example.slice(0, offset) + insert + example.slice(offset + cut), 2_000);
        assert.ok(documents.length + problems.length > 0 || offset === 0);
      }),
      { numRuns: 400 },
    );
  });
});
