// What `connect` was given, completed from the environment and checked. All problems are reported together.
import { readFileSync } from "node:fs";
import { valid } from "semver";
import { tlsFilesFrom } from "./broker/tls-files.ts";
import { type Credentials, readCredentials } from "./contract/credentials.ts";
import { isServiceName } from "./contract/names.ts";

/** An instance runs this many calls at a time unless told otherwise; what comes beyond goes elsewhere. */
export const DEFAULT_MAX_IN_FLIGHT = 100;
/** Calls a connection has under way at a time before it begins no more: as many as a router carries. */
export const DEFAULT_MAX_OUTGOING_CALLS = 20_000;
/** Payloads of these calls, in bytes. The NATS client buffers whatever it is given, so this bounds its buffer too. */
export const DEFAULT_MAX_OUTGOING_BYTES = 64 * 1024 * 1024;
const DEFAULT_SERVER = "nats://127.0.0.1:4222";
const DRAIN_SIGNALS: readonly NodeJS.Signals[] = ["SIGTERM", "SIGINT"];

export interface ConnectOptions {
  /** Name of the service, needed to serve. Default: MALLA_SERVICE, else the name the credentials were issued for. */
  readonly service?: string;
  /** Version of this instance, semver. Default: MALLA_VERSION, else 0.0.0. */
  readonly version?: string;
  /** NATS servers, `nats://host:port`. Default: NATS_URL, else nats://127.0.0.1:4222. */
  readonly servers?: string | readonly string[];
  /** Path of a `.creds` file, read again every 10 s: newer credentials are taken over. Default: NATS_CREDS. */
  readonly credentials?: string;
  /** For routing by tags: zone and the like. Default: MALLA_TAGS (`zone=a,tier=gold`). */
  readonly tags?: Readonly<Record<string, string>>;
  readonly description?: string;
  /** Calls run at a time before more are refused as not started. Default: MALLA_MAX_IN_FLIGHT, else 100. */
  readonly maxInFlight?: number;
  /** Calls under way at a time before further ones fail as `overloaded`. Default: MALLA_MAX_OUTGOING_CALLS, else 20,000. */
  readonly maxOutgoingCalls?: number;
  /** Bytes of their payloads, likewise. Default: MALLA_MAX_OUTGOING_BYTES, else 64 MiB. */
  readonly maxOutgoingBytes?: number;
  /** TLS to the broker: paths of PEM files. Default: NATS_CA, NATS_CERT, NATS_KEY. */
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
  /** Signals on which this process drains and then ends. Default: SIGTERM and SIGINT; an empty list for none. */
  readonly drainOn?: readonly NodeJS.Signals[];
}

export interface ConnectConfig {
  readonly service: string;
  readonly version: string;
  readonly servers: readonly string[];
  readonly credentials: Credentials;
  readonly credentialsText: string;
  /** Path of the file they are from. */
  readonly credentialsFile: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly description: string;
  readonly maxInFlight: number;
  readonly maxOutgoingCalls: number;
  readonly maxOutgoingBytes: number;
  readonly tls: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string } | undefined;
  readonly drainOn: readonly NodeJS.Signals[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws one Error that lists every problem. */
export function resolveConnectConfig(options: ConnectOptions, environment: Environment): ConnectConfig {
  const problems: string[] = [];
  const credentialsFile = options.credentials ?? environment.NATS_CREDS ?? "";
  const credentialsText = readCredentialsFile(credentialsFile, problems);
  let credentials: Credentials | undefined;
  if (credentialsText !== undefined) {
    try {
      credentials = readCredentials(credentialsText, credentialsFile);
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  const service = options.service ?? environment.MALLA_SERVICE ?? credentials?.principal ?? "";
  // Credentials would have named it: that they are missing is the one problem.
  const isNamed = service !== "" || credentials !== undefined;
  if (isNamed && !isServiceName(service))
    problems.push(`service ${JSON.stringify(service)}: a DNS label in lower case is expected`);
  else if (credentials !== undefined && credentials.principal !== service) {
    problems.push(
      `service is ${service}, but the credentials were issued for ${credentials.principal}; the broker would refuse. Issue some with \`malla credentials issue ${service} --role service -o FILE\``,
    );
  }
  const version = options.version ?? environment.MALLA_VERSION ?? "0.0.0";
  if (valid(version) === null) problems.push(`version ${JSON.stringify(version)}: semver is expected, as 1.4.0`);
  const { maxInFlight, maxOutgoingCalls, maxOutgoingBytes } = readBounds(options, environment, problems);
  const tags = options.tags ?? parseTags(environment.MALLA_TAGS, problems);
  if (problems.length > 0 || credentials === undefined || credentialsText === undefined) {
    throw new Error(`cannot connect to the mesh:\n- ${problems.join("\n- ")}`);
  }
  return Object.freeze({
    service,
    version,
    servers: serverList(options.servers ?? environment.NATS_URL ?? DEFAULT_SERVER),
    credentials,
    credentialsText,
    credentialsFile,
    tags,
    description: options.description ?? "",
    maxInFlight,
    maxOutgoingCalls,
    maxOutgoingBytes,
    tls: options.tls ?? tlsFilesFrom(environment),
    drainOn: options.drainOn ?? DRAIN_SIGNALS,
  });
}

function readBounds(
  options: ConnectOptions,
  environment: Environment,
  problems: string[],
): Pick<ConnectConfig, "maxInFlight" | "maxOutgoingCalls" | "maxOutgoingBytes"> {
  const read = (option: keyof ReturnType<typeof readBounds>, variable: string, fallback: number): number => {
    const value = options[option] ?? Number(environment[variable] ?? fallback);
    if (!Number.isInteger(value) || value < 1)
      problems.push(`${option} (${variable}): a whole number from 1 is expected`);
    return value;
  };
  return {
    maxInFlight: read("maxInFlight", "MALLA_MAX_IN_FLIGHT", DEFAULT_MAX_IN_FLIGHT),
    maxOutgoingCalls: read("maxOutgoingCalls", "MALLA_MAX_OUTGOING_CALLS", DEFAULT_MAX_OUTGOING_CALLS),
    maxOutgoingBytes: read("maxOutgoingBytes", "MALLA_MAX_OUTGOING_BYTES", DEFAULT_MAX_OUTGOING_BYTES),
  };
}

function serverList(servers: string | readonly string[]): readonly string[] {
  return typeof servers === "string" ? servers.split(",").map((server) => server.trim()) : [...servers];
}

function readCredentialsFile(path: string, problems: string[]): string | undefined {
  if (path === "") {
    problems.push(
      "no credentials: give the path of a .creds file as `credentials` or in NATS_CREDS; `malla run --service NAME -- COMMAND` does it for you",
    );
    return undefined;
  }
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    problems.push(
      `credentials ${path}: ${(error as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such file" : (error as Error).message}`,
    );
    return undefined;
  }
}

function parseTags(text: string | undefined, problems: string[]): Readonly<Record<string, string>> {
  const tags: Record<string, string> = {};
  for (const pair of (text ?? "").split(",").filter((part) => part.trim() !== "")) {
    const [name, value] = pair.split("=").map((part) => part.trim());
    if (name === undefined || value === undefined || name === "")
      problems.push(`MALLA_TAGS: ${JSON.stringify(pair)} is not name=value`);
    else tags[name] = value;
  }
  return tags;
}
