// A whole router over a broker in memory, as the composition root makes it, with time and chance that belong to the test.
import type { Broker, BrokerMessage, KeyValue } from "@malla/sdk/broker";
import type { Runtime } from "@malla/sdk/call";
import { createLog, createPrometheus } from "@malla/sdk/telemetry";
import { compose, TOKENS } from "../composition.ts";
import { loadRouterConfig, type RouterOptions } from "../config.ts";
import { Lifecycle } from "../lifecycle.ts";

export interface MemoryRouterOptions extends Pick<RouterOptions, "maxInFlight" | "maxInFlightPerPrincipal"> {
  /** The router's own name. Default `router-memory`. */
  readonly router?: string;
  readonly broker: Broker;
  readonly runtime: Runtime;
  readonly policyBucket: KeyValue;
  readonly claimBucket: KeyValue;
  /** Public nkey of the policy's operator. */
  readonly policyPublicKey: string;
}

export interface MemoryRouter {
  readonly id: string;
  /** What comes on `mesh.call` or `mesh.via`, past the broker: any subject may be tried. */
  handle(message: BrokerMessage, way: "shared" | "via"): void;
  /** What has begun and not ended, by kind. */
  readonly unfinished: { readonly calls: number; readonly attempts: number; readonly parked: number };
  /** In Prometheus's text format. */
  metrics(): Promise<string>;
  drain(): Promise<void>;
}

export async function startMemoryRouter(options: MemoryRouterOptions): Promise<MemoryRouter> {
  const { router = "router-memory", broker, runtime, policyBucket, claimBucket, policyPublicKey, ...limits } = options;
  const config = loadRouterConfig({ ...limits, signer: "none", metricsPort: 0, logLevel: "silent" }, {});
  const log = createLog({ level: "silent", facts: { router }, format: "json" });
  const prometheus = createPrometheus({ processMetrics: false });
  const telemetry = { log, prometheus, tracer: undefined };
  const connections = { mesh: broker, policyBucket, claimBucket, close: async () => broker.close() };
  const services = compose(config, { router, ...connections, policyPublicKey }, telemetry, (container) => {
    const own: Runtime = { ...runtime, telemetry: container.resolve(TOKENS.telemetry) };
    container.register(TOKENS.runtime, { useValue: own });
  });
  const running = await new Lifecycle(config, router, connections, services, telemetry).start(true);
  const pipeline = services.resolve(TOKENS.pipeline);
  return {
    id: router,
    handle: (message, way) => pipeline.handle(message, way),
    get unfinished() {
      return {
        calls: services.resolve(TOKENS.active).size,
        attempts: services.resolve(TOKENS.attempts).size,
        parked: services.resolve(TOKENS.parking).size,
      };
    },
    metrics: () => prometheus.metrics(),
    drain: () => running.drain(),
  };
}
