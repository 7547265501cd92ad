import assert from "node:assert/strict";
import { test } from "node:test";
import { specsOf, translateOne } from "./objects.test.fixture.ts";
import { NO_VERSION } from "./rule-parts.ts";

const ALL = [{ weight: 1 }];

test("a rule with weights, headers, timeouts and retries is a Route of the mesh", () => {
  const translated = translateOne([
    {
      matches: [{ path: { type: "Exact", value: "/list" }, headers: [{ name: "X-Beta", value: "yes" }] }],
      backendRefs: [
        { name: "catalog-v1", port: 80, weight: 90 },
        { name: "catalog-v2", port: 80, weight: 10 },
      ],
      timeouts: { request: "2s", backendRequest: "500ms" },
      retry: { attempts: 3, codes: [503, 500], backoff: "25ms" },
    },
    {},
  ]);
  assert.equal(translated.parents[0]?.refused, undefined);
  assert.deepEqual(specsOf(translated)["00-00"], {
    match: { service: "catalog", methods: ["list"], headers: { "x-beta": { exact: "yes" } } },
    destinations: [
      { version: "1.x", weight: 90 },
      { version: "2.x", weight: 10 },
    ],
    timeoutMs: 2000,
    perTryTimeoutMs: 500,
    retries: {
      attempts: 3,
      on: ["gone", "internal", "unavailable", "unknown"],
      backoff: { fixed: { delayMs: 25 } },
      budget: { percent: 20, minPerSecond: 10 },
    },
  });
  assert.deepEqual(specsOf(translated)["01-00"], { match: { service: "catalog" }, destinations: ALL });
});

test("a route without rules, and a rule without matches, take every call", () => {
  for (const rules of [undefined, [{}], [{ matches: [] }], [{ matches: [{}] }]]) {
    const translated = translateOne(rules);
    assert.deepEqual(Object.values(specsOf(translated)), [{ match: { service: "catalog" }, destinations: ALL }]);
  }
});

test("what no rule matches is refused, by a Route that all others go before", () => {
  const translated = translateOne([{ matches: [{ path: { type: "Exact", value: "/list" } }] }]);
  const last = translated.documents.find(({ metadata }) => metadata.name.endsWith("-unmatched"));
  assert.equal(last?.metadata.createdAt, "9999-12-31T23:59:59.000Z");
  assert.deepEqual(specsOf(translated)["unmatched"].match, { service: "catalog" });
  assert.deepEqual(specsOf(translated)["unmatched"].destinations, [{ version: NO_VERSION, weight: 1 }]);
});

test("of headers with one name the first counts; expressions are kept", () => {
  const headers = [
    { name: "x-a", value: "1" },
    { name: "X-A", value: "2" },
    { type: "RegularExpression", name: "x-b", value: "v[0-9]+" },
  ];
  const { match } = specsOf(translateOne([{ matches: [{ headers }] }]))["00-00"];
  assert.deepEqual(match.headers, { "x-a": { exact: "1" }, "x-b": { regex: "v[0-9]+" } });
});

test("POST is every call; a backend of another service is a rewrite; weight 0 stays", () => {
  const backendRefs = [
    { name: "search", weight: 3 },
    { name: "catalog", weight: 0 },
  ];
  const spec = specsOf(translateOne([{ matches: [{ method: "POST" }], backendRefs }]))["00-00"];
  assert.deepEqual(spec, {
    match: { service: "catalog" },
    destinations: [{ service: "search", weight: 3 }, { weight: 0 }],
  });
});

test("the same backend twice is one share", () => {
  const backendRefs = [{ name: "catalog-v1", weight: 2 }, { name: "catalog-v1" }, { name: "catalog" }];
  assert.deepEqual(specsOf(translateOne([{ backendRefs }]))["00-00"].destinations, [
    { version: "1.x", weight: 3 },
    { weight: 1 },
  ]);
});

test("all weights 0 refuse every call", () => {
  const backendRefs = [{ name: "catalog-v1", weight: 0 }];
  const { destinations } = specsOf(translateOne([{ backendRefs }]))["00-00"];
  assert.deepEqual(destinations, [{ version: NO_VERSION, weight: 1 }]);
});

test("a timeout of 0 is the longest there is, and none for a try", () => {
  const spec = specsOf(translateOne([{ timeouts: { request: "0s", backendRequest: "0s" } }]))["00-00"];
  assert.deepEqual([spec.timeoutMs, spec.perTryTimeoutMs], [300_000, undefined]);
});

test("retry without codes is for lost connections", () => {
  const { retries } = specsOf(translateOne([{ retry: {} }]))["00-00"];
  assert.deepEqual([retries.attempts, retries.on], [2, ["gone"]]);
  assert.deepEqual(retries.backoff, { exponential: { baseMs: 25, capMs: 250 } });
});

test("a rewrite of the path to that of another method", () => {
  const full = { type: "URLRewrite", urlRewrite: { path: { type: "ReplaceFullPath", replaceFullPath: "/listV2" } } };
  assert.deepEqual(specsOf(translateOne([{ filters: [full] }]))["00-00"].rewrite, { method: "listV2" });
  const prefix = {
    type: "URLRewrite",
    urlRewrite: { path: { type: "ReplacePrefixMatch", replacePrefixMatch: "/catalog/listV2" } },
  };
  const matches = [{ path: { value: "/list" } }];
  assert.deepEqual(specsOf(translateOne([{ matches, filters: [prefix] }]))["00-00"].rewrite, { method: "listV2" });
});

const refused: readonly [string, object, RegExp][] = [
  ["query", { matches: [{ queryParams: [{ name: "a", value: "b" }] }] }, /queryParams: would never match/],
  ["verb", { matches: [{ method: "GET" }] }, /method: "GET" would never match: a call of the mesh is a POST/],
  ["path", { matches: [{ path: { type: "Exact", value: "/a/b" } }] }, /matches\[0\]\.path: .*no method/],
  ["path type", { matches: [{ path: { type: "Glob" } }] }, /path type "Glob"/],
  ["header type", { matches: [{ headers: [{ type: "Prefix", name: "a", value: "b" }] }] }, /type: "Prefix" is not/],
  ["header without value", { matches: [{ headers: [{ name: "a" }] }] }, /headers\[0\]: needs a name and a value/],
  ["header expression", { matches: [{ headers: [{ type: "RegularExpression", name: "a", value: "(?=a)" }] }] }, /\(\?/],
  ["header name", { matches: [{ headers: [{ name: "a b", value: "c" }] }] }, /name of a header/],
  ["long header", { matches: [{ headers: [{ name: "a", value: "c".repeat(2000) }] }] }, /1024/],
  ["mirror", { filters: [{ type: "RequestMirror", requestMirror: {} }] }, /RequestMirror" is not supported: Routes/],
  ["header filter", { filters: [{ type: "RequestHeaderModifier" }] }, /RequestHeaderModifier" is not supported/],
  ["redirect", { filters: [{ type: "RequestRedirect" }] }, /RequestRedirect" is not supported/],
  ["CORS", { filters: [{ type: "CORS" }] }, /CORS" is not supported/],
  ["odd filter", { filters: [null, "x"] }, /filters\[0\]: filter undefined is not supported: it is not known/],
  ["prototype filter", { filters: [{ type: "constructor" }] }, /"constructor" is not supported: it is not known/],
  [
    "backend filter",
    { backendRefs: [{ name: "catalog", filters: [{ type: "CORS" }] }] },
    /backendRefs\[0\]\.filters\[0\]/,
  ],
  [
    "rewrite of host",
    { filters: [{ type: "URLRewrite", urlRewrite: { hostname: "x" } }] },
    /hostname: is not supported/,
  ],
  [
    "rewrite of a part",
    {
      filters: [{ type: "URLRewrite", urlRewrite: { path: { type: "ReplacePrefixMatch", replacePrefixMatch: "/a" } } }],
      matches: [{}],
    },
    /needs matches whose path is that of one method/,
  ],
  ["session", { sessionPersistence: { sessionName: "a" } }, /rules\[0\]\.sessionPersistence: is not supported/],
  ["unknown condition", { matches: [{ cookies: [] }] }, /matches\[0\]\.cookies: is not supported/],
  ["matches that are no list", { matches: { path: {} } }, /matches: must be a list/],
  ["match that is no map", { matches: ["/"] }, /matches\[0\]: must be a map/],
  ["weight", { backendRefs: [{ name: "catalog", weight: -1 }] }, /weight: must be a whole number/],
  ["long timeout", { timeouts: { request: "6m" } }, /more than 300 s/],
  ["odd timeout", { timeouts: { request: "1.5s" } }, /"1.5s" is no duration/],
  ["timeouts the wrong way", { timeouts: { request: "1s", backendRequest: "2s" } }, /must be no longer than request/],
  ["code", { retry: { codes: [418] } }, /codes\[0\]: 418 is not supported; 409, 429, 500, 502, 503, 504 are/],
  ["attempts", { retry: { attempts: 11 } }, /attempts: must be a whole number from 0 to 10/],
];
for (const [what, rule, why] of refused) {
  test(`refused by name: ${what}`, () => {
    const translated = translateOne([rule]);
    const [parent] = translated.parents;
    assert.equal(parent?.refused?.reason, "UnsupportedValue");
    assert.match(parent?.refused?.message ?? "", why);
    assert.deepEqual(translated.documents, []);
  });
}

test("a rule that cannot be had is dropped, and the others stay", () => {
  const translated = translateOne([
    { matches: [{ path: { type: "Exact", value: "/list" } }] },
    { filters: [{ type: "CORS" }] },
  ]);
  assert.deepEqual(Object.keys(specsOf(translated)), ["00-00", "unmatched"]);
  assert.match(translated.parents[0]?.dropped[0] ?? "", /^Rule 1 \(rules\[1\]\.filters\[0\]: filter "CORS"/);
});
