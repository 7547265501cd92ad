// What a router is told, completed from the environment and checked. All problems are reported together.
import { availableParallelism } from "node:os";
import { type TlsFiles, tlsFilesFrom } from "@malla/sdk/broker";

export const DEFAULT_METRICS_PORT = 9464;
/** Calls a router carries at a time before it refuses more as `overloaded`. */
export const DEFAULT_MAX_IN_FLIGHT = 20_000;
/** Of these, how many one principal may have: nobody takes the router for himself alone. */
export const DEFAULT_MAX_IN_FLIGHT_PER_PRINCIPAL = 5_000;

/** Headers and payloads of the calls in flight, parked ones among them, in bytes. */
export const DEFAULT_MAX_BYTES = 256 * 1024 * 1024;
/** Of these, how many one principal may have. */
export const DEFAULT_MAX_BYTES_PER_PRINCIPAL = 64 * 1024 * 1024;
/** The least that may be set: one call of the largest size the broker carries must pass. */
const MIN_BYTES = 1024 * 1024;

/** Workers of one `malla router`. */
export const MAX_WORKERS = 64;

export interface RouterConfig {
  /** Processes that each are a router; 1: this process is the router. */
  readonly workers: number;
  readonly servers: readonly string[];
  /** TLS to the broker: paths of PEM files; undefined: TLS only if the broker wants it, with the authorities the system trusts. */
  readonly tls: TlsFiles | undefined;
  /** Path of the router's signer file, which `broker-config` writes. */
  readonly signer: string;
  readonly metricsHost: string;
  /** 0: any free port. */
  readonly metricsPort: number;
  readonly maxInFlight: number;
  readonly maxInFlightPerPrincipal: number;
  readonly maxBytes: number;
  readonly maxBytesPerPrincipal: number;
  /** Where the last good policy is kept; undefined: nowhere. */
  readonly policyCache: string | undefined;
  readonly logLevel: "debug" | "info" | "warn" | "error" | "silent";
  /** OTLP over HTTP; undefined: no spans are made. */
  readonly otlpEndpoint: string | undefined;
  /** Share of new traces that are sampled, 0 to 1. */
  readonly traceRatio: number;
}

export type RouterOptions = Partial<RouterConfig>;
type Environment = Readonly<Record<string, string | undefined>>;

const LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

/** Options before environment before defaults. Throws one Error that lists every problem. */
export function loadRouterConfig(options: RouterOptions, environment: Environment): RouterConfig {
  const problems: string[] = [];
  const servers =
    options.servers ?? (environment.NATS_URL ?? "nats://127.0.0.1:4222").split(",").map((server) => server.trim());
  const signer = options.signer ?? environment.MALLA_ROUTER_SIGNER;
  if (signer === undefined || signer === "") {
    problems.push(
      "no signer: give the path of router.signer.json with --signer or MALLA_ROUTER_SIGNER (`malla up` writes it to .malla/credentials)",
    );
  }
  const number = (
    name: string,
    given: number | undefined,
    variable: string,
    fallback: number,
    from: number,
    to: number,
    isRight: (value: number) => boolean = Number.isInteger,
  ): number => {
    const value = given ?? (environment[variable] === undefined ? fallback : Number(environment[variable]));
    const what = isRight === Number.isInteger ? "a whole number" : "a number";
    if (!isRight(value) || value < from || value > to)
      problems.push(`${name} (${variable}): ${what} from ${from} to ${to} is expected`);
    return value;
  };
  const logLevel = options.logLevel ?? environment.MALLA_LOG_LEVEL ?? "info";
  if (!(LEVELS as readonly string[]).includes(logLevel))
    problems.push(`log level (MALLA_LOG_LEVEL): one of ${LEVELS.join(", ")} is expected`);
  const config: RouterConfig = {
    workers: number("workers", options.workers ?? autoWorkers(environment), "MALLA_ROUTER_WORKERS", 1, 1, MAX_WORKERS),
    servers,
    tls: options.tls ?? tlsFilesFrom(environment),
    signer: signer ?? "",
    metricsHost: options.metricsHost ?? environment.MALLA_METRICS_HOST ?? "127.0.0.1",
    metricsPort: number("metrics port", options.metricsPort, "MALLA_METRICS_PORT", DEFAULT_METRICS_PORT, 0, 65_535),
    maxInFlight: number(
      "calls in flight",
      options.maxInFlight,
      "MALLA_ROUTER_MAX_IN_FLIGHT",
      DEFAULT_MAX_IN_FLIGHT,
      1,
      1_000_000,
    ),
    maxInFlightPerPrincipal: number(
      "calls in flight per principal",
      options.maxInFlightPerPrincipal,
      "MALLA_ROUTER_MAX_IN_FLIGHT_PER_PRINCIPAL",
      DEFAULT_MAX_IN_FLIGHT_PER_PRINCIPAL,
      1,
      1_000_000,
    ),
    maxBytes: number(
      "bytes in flight",
      options.maxBytes,
      "MALLA_ROUTER_MAX_BYTES",
      DEFAULT_MAX_BYTES,
      MIN_BYTES,
      2 ** 40,
    ),
    maxBytesPerPrincipal: number(
      "bytes in flight per principal",
      options.maxBytesPerPrincipal,
      "MALLA_ROUTER_MAX_BYTES_PER_PRINCIPAL",
      DEFAULT_MAX_BYTES_PER_PRINCIPAL,
      MIN_BYTES,
      2 ** 40,
    ),
    policyCache: options.policyCache ?? environment.MALLA_POLICY_CACHE,
    logLevel: logLevel as RouterConfig["logLevel"],
    otlpEndpoint: options.otlpEndpoint ?? environment.OTEL_EXPORTER_OTLP_ENDPOINT,
    traceRatio: number("share of traces", options.traceRatio, "MALLA_TRACE_RATIO", 0.01, 0, 1, Number.isFinite),
  };
  if (problems.length > 0) throw new Error(`the router cannot start:\n- ${problems.join("\n- ")}`);
  return Object.freeze(config);
}

/** `auto`: as many workers as this process may use cores. */
export function autoWorkerCount(): number {
  return Math.min(availableParallelism(), MAX_WORKERS);
}

function autoWorkers(environment: Environment): number | undefined {
  return environment.MALLA_ROUTER_WORKERS === "auto" ? autoWorkerCount() : undefined;
}
