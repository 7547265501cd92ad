// `connect`: credentials, connection, and the mesh behind it.
import { randomBytes } from "node:crypto";
import { connectNats } from "./broker/connect-nats.ts";
import type { CredentialsEvent } from "./broker/credentials-renewal.ts";
import { createRuntime } from "./call/runtime.ts";
import { type ConnectOptions, resolveConnectConfig } from "./connect-config.ts";
import { defaultTelemetry } from "./default-telemetry.ts";
import { Mesh } from "./mesh.ts";
import { noopTelemetry } from "./telemetry/noop.ts";
import type { Telemetry } from "./telemetry/port.ts";

export interface MeshOptions extends ConnectOptions {
  /**
   * Metrics, spans and log; made by `createTelemetry` of `@malla/sdk/telemetry`. Default: spans if OTEL_EXPORTER_OTLP_ENDPOINT is set
   * or the application has registered an OpenTelemetry provider, a log on stderr if MALLA_LOG_LEVEL is set, no metrics.
   */
  readonly telemetry?: Telemetry;
}

/**
 * Connects to the mesh. What is not given comes from the environment (NATS_URL, NATS_CREDS, MALLA_SERVICE, MALLA_VERSION,
 * MALLA_TAGS, MALLA_MAX_IN_FLIGHT, MALLA_MAX_OUTGOING_CALLS, MALLA_MAX_OUTGOING_BYTES, NATS_CA, NATS_CERT, NATS_KEY). Rejects with
 * an Error that says what is wrong and what to do.
 */
export async function connect(options: MeshOptions = {}): Promise<Mesh> {
  const config = resolveConnectConfig(options, process.env);
  const instance = `i${randomBytes(5).toString("hex")}`;
  const fallback =
    options.telemetry === undefined
      ? await defaultTelemetry(config.service, config.version, instance, process.env)
      : undefined;
  const telemetry = options.telemetry ?? fallback?.telemetry ?? noopTelemetry;
  const { principal, role, policyPublicKey, directTo } = config.credentials;
  const broker = await connectNats({
    servers: config.servers,
    credentials: config.credentialsText,
    credentialsFile: config.credentialsFile,
    onCredentials: (event) => tellCredentials(event, telemetry),
    name: `${principal}/${instance}`,
    inboxPrefix: `_INBOX.${principal}`,
    onCallbackError: (error, subject) => telemetry.log.error({ err: error, subject }, "a message could not be handled"),
    ...(config.tls === undefined ? {} : { tls: config.tls }),
  });
  telemetry.credentialsExpire(config.credentials.expiresAtMs);
  const runtime = createRuntime(telemetry);
  runtime.stall.catchUpBy(async () => broker.flush());
  broker.onStatus((status) => {
    if (status.type === "moved") telemetry.log.info({ server: broker.server }, "moved to another server");
    if (status.type !== "denied") return;
    const { operation, subject } = status;
    const problem = "the broker does not allow it to these credentials";
    runtime.refusals.refused({ stage: "broker", reason: "denied", principal, problem, operation, subject });
  });
  const facts = {
    ...config,
    principal,
    instance,
    policyPublicKey,
    directTo: role === "direct" ? directTo : [],
    connection: randomBytes(9).toString("base64url"),
    // A guest may do no more than call: it knows no router and uses the shared subject. An operator sees routers, but the
    // policy it reads from its bucket.
    hearsRouters: role !== "guest" && role !== "micro",
    hearsPolicy: role === undefined || role === "service" || role === "direct" || role === "gateway",
    sendsFrames: role === undefined || role === "service" || role === "direct" || role === "gateway",
  };
  const stopListening = drainOnSignals(config.drainOn, () => mesh.drain());
  const mesh = new Mesh(broker, runtime, facts, async () => {
    stopListening();
    await fallback?.shutdown();
  });
  await mesh.start();
  return mesh;
}

/** Never with what stands in the file. */
function tellCredentials(event: CredentialsEvent, telemetry: Telemetry): void {
  const { log } = telemetry;
  const expires = event.expiresAtMs === undefined ? "never" : new Date(event.expiresAtMs).toISOString();
  if (event.type === "renewed") {
    telemetry.credentialsExpire(event.expiresAtMs);
    log.info({ expires }, "newer credentials are in use");
  } else if (event.type === "refused") {
    log.warn({ expires, problem: event.problem }, "the credentials file is not used; the old credentials are kept");
  } else {
    log.warn({ expires }, "the credentials expire soon and their file holds no newer ones; the connection ends then");
  }
}

/** Drains on the first signal, then lets the signal do what it would have done. Returns how to stop listening. */
function drainOnSignals(signals: readonly NodeJS.Signals[], drain: () => Promise<void>): () => void {
  const listeners = signals.map((signal) => {
    const listener = (): void => {
      void drain().finally(() => {
        // The application may have plans of its own for the signal.
        if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
      });
    };
    process.once(signal, listener);
    return { signal, listener };
  });
  return () => {
    for (const { signal, listener } of listeners) process.off(signal, listener);
  };
}
