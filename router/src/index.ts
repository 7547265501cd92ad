// A router, for whoever runs one in its own process.
export {
  autoWorkerCount,
  DEFAULT_MAX_IN_FLIGHT,
  DEFAULT_MAX_IN_FLIGHT_PER_PRINCIPAL,
  DEFAULT_METRICS_PORT,
  loadRouterConfig,
  MAX_WORKERS,
  type RouterConfig,
  type RouterOptions,
} from "./config.ts";
export { type RunningRouter, startRouter } from "./lifecycle.ts";
export { type RunningWorkers, superviseWorkers } from "./workers/start-workers.ts";
