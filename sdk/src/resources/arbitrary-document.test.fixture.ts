// Valid documents as an author may write them, for property tests.
import fc from "fast-check";
import { RESERVED_NAMES } from "../contract/names.ts";

const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,12}[a-z0-9])?$/);
const service = label.filter((name) => !RESERVED_NAMES.has(name) && !name.startsWith("router-"));
const method = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,12}$/);
const pattern = fc.stringMatching(/^[A-Za-z*][A-Za-z0-9_*]{0,12}$/);
const headerName = fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/);
const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).filter((value) => !/\p{Cc}/u.test(value));
const ms = fc.integer({ min: 1, max: 300_000 });
const percent = fc.integer({ min: 0, max: 100 });
const conditions = fc.constantFrom(
  "unavailable",
  "deadline",
  "gone",
  "resource-exhausted",
  "internal",
  "unknown",
  "aborted",
);

/** Any of the fields, each there or not. */
function some<Model extends Record<string, fc.Arbitrary<unknown>>>(model: Model): fc.Arbitrary<unknown> {
  return fc.record(model, { requiredKeys: [] });
}

function set(item: fc.Arbitrary<string>): fc.Arbitrary<string[]> {
  return fc.uniqueArray(item, { minLength: 1, maxLength: 4 });
}

function map(key: fc.Arbitrary<string>, value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.dictionary(key, value, { minKeys: 1, maxKeys: 3 });
}

const stringMatch = fc.oneof(
  fc.record({ exact: text }),
  fc.record({ prefix: text }),
  fc.record({ regex: fc.constantFrom("a+", "v[12]", "(?:x|y)z", "\\d{1,3}") }),
  fc.record({ present: fc.boolean() }),
);
const headers = map(headerName, stringMatch);
const backoff = fc.oneof(
  fc.record({ fixed: some({ delayMs: ms }) }),
  fc.record({ exponential: fc.tuple(ms, ms).map(([a, b]) => ({ baseMs: Math.min(a, b), capMs: Math.max(a, b) })) }),
);
const retries = some({
  attempts: fc.integer({ min: 0, max: 10 }),
  on: fc.uniqueArray(conditions, { maxLength: 7 }),
  backoff,
  budget: some({ percent, minPerSecond: fc.integer({ min: 0, max: 1_000 }) }),
});
const match = fc.oneof(
  fc.record({ service, methods: set(pattern), headers, principals: set(label) }, { requiredKeys: ["service"] }),
  fc.record({
    subject: fc.oneof(
      service.map((name) => `${name}.*`),
      method.map((name) => `*.${name}`),
      fc.constant(">"),
    ),
  }),
);
const destination = some({
  service,
  version: fc.constantFrom("1.x", "^2.1.0", ">=1.4 <2 || 3.0.0-beta.1", "*"),
  tags: map(label, text),
  weight: fc.integer({ min: 1, max: 1_000_000 }),
  failover: fc.constantFrom("none", "any"),
});
const route = fc
  .record(
    {
      match,
      destinations: fc.array(destination, { minLength: 1, maxLength: 4 }),
      rewrite: fc.record({ method }),
      timeoutMs: fc.integer({ min: 1_000, max: 300_000 }),
      perTryTimeoutMs: fc.integer({ min: 1, max: 1_000 }),
      retries,
    },
    { requiredKeys: ["match"] },
  )
  .map((spec) => ({ kind: "Route", spec }));
const servicePolicy = fc
  .record(
    {
      service,
      loadBalancer: fc.constantFrom("p2c", "round-robin", "random", "least-request"),
      timeoutMs: ms,
      idempotentMethods: set(pattern),
      retries,
      outlierDetection: some({
        consecutiveFailures: fc.integer({ min: 1, max: 99 }),
        baseEjectionMs: ms,
        panicPercent: percent,
      }),
      maxInFlight: fc.integer({ min: 1, max: 10_000 }),
      maxPriority: some({ critical: set(label), sheddable: set(label) }),
      direct: fc.boolean(),
      plainMethods: set(method),
    },
    { requiredKeys: ["service"] },
  )
  .map((spec) => ({ kind: "ServicePolicy", spec }));
const accessPolicy = fc
  .record(
    {
      service,
      action: fc.constantFrom("allow", "deny"),
      mode: fc.constantFrom("enforce", "audit"),
      rules: fc.array(some({ principals: set(label), methods: set(pattern), headers }), { maxLength: 4 }),
    },
    { requiredKeys: ["service"] },
  )
  .map((spec) => ({ kind: "AccessPolicy", spec }));
const metadata = fc.record(
  {
    name: label,
    createdAt: fc
      .date({ min: new Date("2020-01-01"), max: new Date("2040-01-01"), noInvalidDate: true })
      .map((at) => at.toISOString()),
    labels: map(label, label),
    annotations: map(label, fc.string({ unit: "grapheme", maxLength: 40 })),
  },
  { requiredKeys: ["name"] },
);

/** A document as plain values, defaults left out here and there. */
export function arbitraryWritten(): fc.Arbitrary<object> {
  const body = fc.oneof(route, servicePolicy, accessPolicy);
  return fc.tuple(body, metadata).map(([rest, head]) => plain({ apiVersion: "malla.dev/v1", metadata: head, ...rest }));
}

/** fast-check's records may have no prototype; files never give such objects. */
function plain(value: object): object {
  return JSON.parse(JSON.stringify(value)) as object;
}
