// The composition root: what a router is made of, and the only place that knows a container. Everything is a plain class
// made by a factory; tests override a token.
import "reflect-metadata";
import { createRequire } from "node:module";
import type { Broker, KeyValue } from "@malla/sdk/broker";
import {
  type AttemptTable,
  createAttemptTable,
  createRuntime,
  type DispatchPorts,
  Parking,
  type Runtime,
} from "@malla/sdk/call";
import { LivePolicy, PolicyStore, Registry } from "@malla/sdk/discovery";
import { RetryBudgets } from "@malla/sdk/engine";
import {
  createLog,
  createOtelTracer,
  createPrometheus,
  createTelemetry,
  type Log,
  type OtelTracer,
  type Prometheus,
  type Telemetry,
} from "@malla/sdk/telemetry";
import { container, type DependencyContainer, type InjectionToken, instanceCachingFactory } from "tsyringe";
import { ActiveCalls } from "./active-calls.ts";
import { RunSender } from "./attempts/run-sender.ts";
import type { RouterConfig } from "./config.ts";
import { PlainServices } from "./discovery/plain-services.ts";
import { RouterAnnouncer } from "./discovery/router-announcer.ts";
import { FailureLog } from "./failure-log.ts";
import { Claims } from "./idempotency/claims.ts";
import { MeshService } from "./mesh-service/mesh-service.ts";
import { Pipeline } from "./pipeline.ts";
import { PolicyCache } from "./policy/policy-cache.ts";
import { PolicyFollower } from "./policy/policy-follower.ts";

/** A composed router, for whoever starts and stops it. */
export type RouterParts = DependencyContainer;

/** What must exist before a router can be composed: its name and its connections. */
export interface RouterConnections {
  readonly router: string;
  readonly mesh: Broker;
  readonly policyBucket: KeyValue;
  readonly claimBucket: KeyValue;
  readonly policyPublicKey: string;
}

function token<T>(name: string): InjectionToken<T> & symbol {
  return Symbol(name) as InjectionToken<T> & symbol;
}

export const TOKENS = {
  log: token<Log>("log"),
  prometheus: token<Prometheus>("prometheus"),
  tracer: token<OtelTracer | undefined>("tracer"),
  telemetry: token<Telemetry>("telemetry"),
  runtime: token<Runtime>("runtime"),
  registry: token<Registry>("registry"),
  parking: token<Parking>("parking"),
  attempts: token<AttemptTable>("attempts"),
  active: token<ActiveCalls>("active"),
  livePolicy: token<LivePolicy>("livePolicy"),
  follower: token<PolicyFollower>("follower"),
  sender: token<RunSender>("sender"),
  plainServices: token<PlainServices>("plainServices"),
  announcer: token<RouterAnnouncer>("announcer"),
  pipeline: token<Pipeline>("pipeline"),
} as const;

export interface RouterTelemetry {
  readonly log: Log;
  readonly prometheus: Prometheus;
  readonly tracer: OtelTracer | undefined;
}

/** Label sets of a metric that one service may fill, by what it announces and how it answers. */
export const MAX_SERIES_PER_SERVICE = 250;

/** Log, metrics and tracer, which are there before the first connection is tried. */
export function composeTelemetry(config: RouterConfig, router: string): RouterTelemetry {
  const log = createLog({
    level: config.logLevel,
    facts: { router },
    format: process.stderr.isTTY ? "pretty" : "json",
  });
  const tracer =
    config.otlpEndpoint === undefined
      ? undefined
      : createOtelTracer({
          serviceName: "malla-router",
          instance: router,
          endpoint: config.otlpEndpoint,
          sampleRatio: config.traceRatio,
          log,
        });
  return { log, prometheus: createPrometheus({ maxSeriesPerService: MAX_SERIES_PER_SERVICE }), tracer };
}

/** Version of this package, as it is announced. */
export function routerVersion(): string {
  return (createRequire(import.meta.url)("../package.json") as { version: string }).version;
}

/** Builds a router; `override` replaces what a test wants otherwise, before anything is made. */
export function compose(
  config: RouterConfig,
  connections: RouterConnections,
  { log, prometheus, tracer }: RouterTelemetry,
  override: (services: DependencyContainer) => void = () => undefined,
): DependencyContainer {
  const services = container.createChildContainer();
  const once = <T>(key: InjectionToken<T>, make: (from: DependencyContainer) => T): void => {
    services.register(key, { useFactory: instanceCachingFactory(make) });
  };
  const { mesh: broker, router } = connections;

  once(TOKENS.log, () => log);
  once(TOKENS.prometheus, () => prometheus);
  once(TOKENS.tracer, () => tracer);
  once(TOKENS.telemetry, () => createTelemetry({ metrics: prometheus, tracer, log }));
  once(TOKENS.runtime, (from) => createRuntime(from.resolve(TOKENS.telemetry)));
  once(TOKENS.parking, (from) => new Parking(from.resolve(TOKENS.runtime).timers));
  once(
    TOKENS.registry,
    (from) => new Registry({ onServing: (entry) => from.resolve(TOKENS.parking).serviceChanged(entry.name) }),
  );
  once(TOKENS.attempts, () => createAttemptTable());
  once(TOKENS.active, () => new ActiveCalls());
  once(TOKENS.livePolicy, () => new LivePolicy());

  once(TOKENS.follower, (from) => {
    const failed = (error: unknown): void => log.warn({ err: error }, "the policy could not be kept on disk");
    return new PolicyFollower({
      broker,
      runtime: from.resolve(TOKENS.runtime),
      store: new PolicyStore(connections.policyBucket, connections.policyPublicKey),
      policy: from.resolve(TOKENS.livePolicy),
      cache: config.policyCache === undefined ? undefined : new PolicyCache(config.policyCache, failed),
      publicKey: connections.policyPublicKey,
    });
  });
  once(
    TOKENS.sender,
    (from) =>
      new RunSender({
        broker,
        router,
        runtime: from.resolve(TOKENS.runtime),
        registry: from.resolve(TOKENS.registry),
        attempts: from.resolve(TOKENS.attempts),
      }),
  );
  once(
    TOKENS.plainServices,
    (from) =>
      new PlainServices({
        broker,
        router,
        runtime: from.resolve(TOKENS.runtime),
        registry: from.resolve(TOKENS.registry),
        policy: from.resolve(TOKENS.livePolicy),
      }),
  );
  once(
    TOKENS.announcer,
    (from) =>
      new RouterAnnouncer({
        broker,
        router,
        runtime: from.resolve(TOKENS.runtime),
        version: routerVersion(),
        active: from.resolve(TOKENS.active),
        maxInFlight: config.maxInFlight,
        policyRevision: () => from.resolve(TOKENS.livePolicy).current.revision,
      }),
  );
  once(TOKENS.pipeline, (from) => {
    const runtime = from.resolve(TOKENS.runtime);
    const active = from.resolve(TOKENS.active);
    const registry = from.resolve(TOKENS.registry);
    const meshService = new MeshService({ broker, runtime, registry, active, policy: from.resolve(TOKENS.follower) });
    return new Pipeline({
      broker,
      runtime,
      active,
      policy: from.resolve(TOKENS.livePolicy),
      limits: config,
      dispatch: dispatchPorts(from, runtime),
      answerMesh: (target, message) => meshService.answer(target, message),
      claims: new Claims(connections.claimBucket, runtime, router),
      failures: new FailureLog(runtime),
    });
  });
  override(services);
  return services;
}

function dispatchPorts(from: DependencyContainer, runtime: Runtime): DispatchPorts {
  const budgets = new RetryBudgets();
  return {
    ...runtime,
    registry: from.resolve(TOKENS.registry),
    attempts: from.resolve(TOKENS.attempts),
    sender: from.resolve(TOKENS.sender),
    parking: from.resolve(TOKENS.parking),
    onWaiting: (exchange, notice) => from.resolve(TOKENS.sender).notify(exchange, notice),
    onWanted: (service) => from.resolve(TOKENS.plainServices).wanted(service),
    budgetOf: (service) => budgets.of(service),
  };
}
