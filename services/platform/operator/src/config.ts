// What the operator is told, from the environment, checked. All problems are reported together.
import { type TlsFiles, tlsFilesFrom } from "@malla/sdk/broker";
import { isLogLevel, LOG_LEVELS, type LogLevel } from "@malla/sdk/telemetry";
import { parseSelector } from "./identity/label-selector.ts";
import { NAMESPACE_SELECTOR } from "./names.ts";

export const DEFAULT_OPERATOR_PORT = 9465;
/** Name of the installation; the Lease is named after it. */
export const DEFAULT_RELEASE = "malla";

export interface OperatorConfig {
  readonly servers: readonly string[];
  /** Undefined: no TLS, or by what the system trusts. */
  readonly tls: TlsFiles | undefined;
  /** The mesh's home: its keys lie under `keys/`, and are only read. */
  readonly home: string;
  /** Where the Lease is. */
  readonly namespace: string;
  readonly release: string;
  /** Undefined: all of them. */
  readonly watchNamespaces: readonly string[] | undefined;
  /** Label selector of the namespaces that are part of the mesh; where namespaces are listed, those are. */
  readonly namespaceSelector: string;
  /** What workloads are told as NATS_URL. */
  readonly workloadUrl: string;
  /** Empty: every address of this machine. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly logLevel: LogLevel;
}

type Environment = Readonly<Record<string, string | undefined>>;

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Throws one Error that lists every problem. */
export function loadOperatorConfig(environment: Environment): OperatorConfig {
  const problems: string[] = [];
  const read = (name: string): string | undefined => {
    const text = environment[name]?.trim();
    return text === "" ? undefined : text;
  };
  const list = (name: string): readonly string[] | undefined =>
    read(name)
      ?.split(",")
      .map((word) => word.trim())
      .filter((word) => word !== "");
  const servers = list("NATS_URL") ?? ["nats://127.0.0.1:4222"];
  const home = read("MALLA_HOME");
  if (home === undefined) problems.push("MALLA_HOME: the folder that holds the mesh's keys is expected");
  const namespace = read("MALLA_NAMESPACE") ?? "default";
  const watchNamespaces = list("MALLA_WATCH_NAMESPACES");
  for (const name of [namespace, ...(watchNamespaces ?? [])])
    if (!LABEL.test(name)) problems.push(`MALLA_NAMESPACE, MALLA_WATCH_NAMESPACES: "${name}" is no namespace`);
  const release = read("MALLA_RELEASE") ?? DEFAULT_RELEASE;
  if (!LABEL.test(release)) problems.push(`MALLA_RELEASE: "${release}" is no name of a release`);
  const namespaceSelector = environment.MALLA_NAMESPACE_SELECTOR ?? NAMESPACE_SELECTOR;
  try {
    parseSelector(namespaceSelector);
  } catch (error) {
    problems.push(`MALLA_NAMESPACE_SELECTOR: ${(error as Error).message}`);
  }
  const port = Number(read("MALLA_OPERATOR_PORT") ?? DEFAULT_OPERATOR_PORT);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    problems.push("MALLA_OPERATOR_PORT: a whole number from 0 to 65535 is expected");
  const logLevel = read("MALLA_LOG_LEVEL") ?? "info";
  if (!isLogLevel(logLevel)) problems.push(`MALLA_LOG_LEVEL: one of ${LOG_LEVELS.join(", ")} is expected`);
  if (problems.length > 0) throw new Error(`the operator cannot start:\n- ${problems.join("\n- ")}`);
  return Object.freeze({
    servers,
    tls: tlsFilesFrom(environment),
    home: home as string,
    namespace,
    release,
    watchNamespaces,
    namespaceSelector,
    workloadUrl: read("MALLA_WORKLOAD_NATS_URL") ?? servers.join(","),
    host: environment.MALLA_METRICS_HOST?.trim() ?? "127.0.0.1",
    port,
    logLevel: logLevel as LogLevel,
  });
}
