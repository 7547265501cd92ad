// Telemetry of a connection that was given none: spans where the environment or the application asks for them. The
// libraries behind it are loaded only then.
import { createTelemetry } from "./telemetry/create-telemetry.ts";
import { noopTelemetry } from "./telemetry/noop.ts";
import type { Telemetry } from "./telemetry/port.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface DefaultTelemetry {
  readonly telemetry: Telemetry;
  /** Sends what has ended; resolves in two seconds at the latest. */
  readonly shutdown: () => Promise<void>;
}

const NONE: DefaultTelemetry = { telemetry: noopTelemetry, shutdown: async () => undefined };

/**
 * An OTLP endpoint in the environment (OTEL_EXPORTER_OTLP_ENDPOINT) gives a tracer that exports there; a provider the application
 * registered with OpenTelemetry gives one that uses it; MALLA_LOG_LEVEL gives a log on stderr; else there is none of it.
 */
export async function defaultTelemetry(
  service: string,
  version: string,
  instance: string,
  environment: Environment,
): Promise<DefaultTelemetry> {
  const wantsLog = environment.MALLA_LOG_LEVEL !== undefined;
  if (!wantsLog && !mayTrace(environment)) return NONE;
  const { apiTracer, createLog, createOtelTracer, isLogLevel, wantsTracing } = await import("./telemetry/index.ts");
  const level = environment.MALLA_LOG_LEVEL ?? "warn";
  const log = createLog({ level: isLogLevel(level) ? level : "warn", facts: { service, instance } });
  const exporting = wantsTracing(environment as NodeJS.ProcessEnv)
    ? createOtelTracer({ serviceName: service, serviceVersion: version, instance, log })
    : undefined;
  return {
    telemetry: createTelemetry({ tracer: apiTracer() ?? exporting, log }),
    shutdown: async () => exporting?.shutdown(),
  };
}

/** A registered provider leaves its mark on the global object, where OpenTelemetry keeps it. */
function mayTrace(environment: Environment): boolean {
  return (
    environment.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined ||
    environment.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT !== undefined ||
    Symbol.for("opentelemetry.js.api.1") in globalThis
  );
}
