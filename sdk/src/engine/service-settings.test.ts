import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RetryPolicy } from "../contract/index.ts";
import { DEFAULT_SERVICE_SETTINGS } from "./default-settings.ts";
import { call, policyOf, routeDocument, serviceDocument } from "./documents.test.fixture.ts";
import { matchRoute } from "./match-route.ts";
import { emptyPolicy } from "./policy.ts";
import { settingsOf } from "./service-settings.ts";

const retries: RetryPolicy = {
  attempts: 4,
  on: ["unavailable"],
  backoff: { fixed: { delayMs: 7 } },
  budget: { percent: 5, minPerSecond: 1 },
};

describe("settingsOf", () => {
  it("has these defaults, shared by all services without a policy", () => {
    const settings = settingsOf(emptyPolicy, "catalog");
    assert.equal(settingsOf(emptyPolicy, "orders"), settings);
    assert.equal(settings.isIdempotent("list"), false);
    assert.equal(settings.maxPriorityOf("cart"), "default");
    const { isIdempotent: _, maxPriorityOf: __, ...plain } = settings;
    assert.deepEqual(plain, {
      timeoutMs: 10_000,
      maxTimeoutMs: 300_000,
      loadBalancer: { kind: "p2c", maxInFlight: Number.POSITIVE_INFINITY, cursor: 0 },
      retries: {
        attempts: 2,
        on: new Set(["unavailable", "gone", "deadline", "resource-exhausted"]),
        backoff: { kind: "exponential", baseMs: 25, capMs: 250 },
        budget: { percent: 20, minPerSecond: 10 },
        explicit: false,
      },
      outlier: { consecutiveFailures: 5, baseEjectionMs: 10_000, maxEjectionMs: 300_000, panicPercent: 50 },
      maxInFlight: Number.POSITIVE_INFINITY,
      direct: true,
      plainMethods: [],
    });
  });

  it("takes what a ServicePolicy says and defaults the rest", () => {
    const outlierDetection = { consecutiveFailures: 3, baseEjectionMs: 1_000, maxEjectionMs: 2_000, panicPercent: 0 };
    const policy = policyOf(
      serviceDocument("p", {
        service: "catalog",
        loadBalancer: "round-robin",
        timeoutMs: 700,
        idempotentMethods: ["list", "get*"],
        retries,
        outlierDetection,
        maxInFlight: 9,
        maxPriority: { critical: ["orders", "night-*"], sheddable: ["night-report"] },
        direct: false,
        plainMethods: ["hello"],
      }),
      serviceDocument("q", { service: "orders" }),
    );
    const settings = settingsOf(policy, "catalog");
    assert.deepEqual(
      [settings.timeoutMs, settings.maxTimeoutMs, settings.maxInFlight, settings.direct],
      [700, 700, 9, false],
    );
    assert.deepEqual(
      ["orders", "night-audit", "night-report", "cart"].map((principal) => settings.maxPriorityOf(principal)),
      ["critical", "critical", "sheddable", "default"],
    );
    assert.deepEqual(settings.loadBalancer, { kind: "round-robin", maxInFlight: 9, cursor: 0 });
    assert.deepEqual(
      ["list", "getOne", "put"].map((method) => settings.isIdempotent(method)),
      [true, true, false],
    );
    assert.deepEqual(settings.retries, {
      attempts: 4,
      on: new Set(["unavailable"]),
      backoff: { kind: "fixed", delayMs: 7 },
      budget: { percent: 5, minPerSecond: 1 },
      explicit: true,
    });
    assert.deepEqual(settings.outlier, outlierDetection);
    assert.deepEqual(settings.plainMethods, ["hello"]);
    assert.equal(settingsOf(policy, "orders").timeoutMs, DEFAULT_SERVICE_SETTINGS.timeoutMs);
  });

  it("puts the Route's words before the service's, and makes them once", () => {
    const policy = policyOf(
      serviceDocument("p", { service: "catalog", timeoutMs: 700, maxInFlight: 9 }),
      routeDocument("r", { match: { subject: ">" }, timeoutMs: 200, retries }),
      routeDocument("silent", { match: { service: "orders" } }),
    );
    const route = matchRoute(policy, call("web", "catalog.list"));
    const settings = settingsOf(policy, "catalog", route);
    assert.deepEqual(
      [settings.timeoutMs, settings.maxTimeoutMs, settings.maxInFlight, settings.retries.attempts],
      [200, 200, 9, 4],
    );
    assert.equal(settingsOf(policy, "catalog", route), settings);
    assert.equal(settings.loadBalancer, settingsOf(policy, "catalog").loadBalancer);
    assert.equal(settingsOf(policy, "cart", route).timeoutMs, 200);
    assert.equal(
      settingsOf(policy, "orders", matchRoute(policy, call("web", "orders.list"))),
      DEFAULT_SERVICE_SETTINGS,
    );
  });
});
