// What supervisor and worker tell each other over the channel between them. Nothing secret: the signer is a path.
import type { HealthCheck } from "@malla/sdk/telemetry";
import type { RouterOptions } from "../config.ts";

export type ToWorker =
  | { readonly type: "start"; readonly options: RouterOptions }
  | { readonly type: "metrics"; readonly ask: number }
  | { readonly type: "drain" };

export type FromWorker =
  /** It carries calls. */
  | { readonly type: "ready"; readonly router: string }
  /** It could not start, and ends. */
  | { readonly type: "failed"; readonly message: string }
  | { readonly type: "health"; readonly checks: readonly HealthCheck[] }
  /** In Prometheus's text format. */
  | { readonly type: "metrics"; readonly ask: number; readonly text: string };

/** A worker says how it is this often, in ms. */
export const HEALTH_MS = 500;
