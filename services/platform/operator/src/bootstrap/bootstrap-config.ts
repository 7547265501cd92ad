// What the Jobs are to make, as the chart says it in `bootstrap.json`.
import { readFileSync } from "node:fs";
import type { GatewayRemote } from "@malla/broker-config";

export interface NatsConfig {
  /** Servers; from two on they are a cluster. */
  readonly replicas: number;
  /** The Service that gives each pod of the StatefulSet a name of its own. */
  readonly headlessService: string;
  readonly clusterDomain: string;
  /** TLS 1.3 for clients and between servers. */
  readonly tls: boolean;
  /** Of each server. */
  readonly maxFileStoreBytes: number;
  readonly maxMemoryStoreBytes: number;
  /** Other regions; this one may be among them, under the release's name. Empty: there is one region. */
  readonly gateways: readonly GatewayRemote[];
  /** Whether edges may join. */
  readonly leafnodes: boolean;
}

export interface BootstrapConfig {
  readonly release: string;
  readonly namespace: string;
  /** Accounts of applications, upper case. */
  readonly applications: readonly string[];
  readonly nats: NatsConfig;
}

/** Reads the file that MALLA_BOOTSTRAP names. Throws an Error that names the file and the field. */
export function readBootstrapConfig(path: string | undefined): BootstrapConfig {
  if (path === undefined || path === "")
    throw new Error("MALLA_BOOTSTRAP is not set: it names bootstrap.json, which the chart renders");
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`MALLA_BOOTSTRAP: ${(error as Error).message}`);
  }
  return parseBootstrapConfig(text, path);
}

/** `source` names the text in errors. */
export function parseBootstrapConfig(text: string, source = "bootstrap.json"): BootstrapConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${source}: this is no JSON: ${(error as Error).message}`);
  }
  const root = new Reader(value, source, "");
  const nats = root.object("nats");
  return {
    release: root.text("release"),
    namespace: root.text("namespace"),
    applications: root.texts("applications"),
    nats: {
      replicas: nats.count("replicas"),
      headlessService: nats.text("headlessService"),
      clusterDomain: nats.text("clusterDomain"),
      tls: nats.flag("tls"),
      maxFileStoreBytes: nats.count("maxFileStoreBytes"),
      maxMemoryStoreBytes: nats.count("maxMemoryStoreBytes"),
      gateways: nats.objects("gateways").map((gateway) => ({
        name: gateway.text("name"),
        addresses: gateway.texts("addresses"),
      })),
      leafnodes: nats.flag("leafnodes"),
    },
  };
}

/** Reads fields of an object, each of which must be there. */
class Reader {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #source: string;
  readonly #path: string;

  constructor(value: unknown, source: string, path: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw new Error(`${source}: ${path === "" ? "an object" : `${path}: an object`} is expected`);
    this.#fields = value as Record<string, unknown>;
    this.#source = source;
    this.#path = path === "" ? "" : `${path}.`;
  }

  text(name: string): string {
    const value = this.#fields[name];
    return typeof value === "string" && value !== "" ? value : this.#refuse(name, "a text");
  }

  count(name: string): number {
    const value = this.#fields[name];
    return Number.isSafeInteger(value) && (value as number) > 0
      ? (value as number)
      : this.#refuse(name, "a whole number above 0");
  }

  flag(name: string): boolean {
    const value = this.#fields[name];
    return typeof value === "boolean" ? value : this.#refuse(name, "true or false");
  }

  texts(name: string): readonly string[] {
    const value = this.#fields[name];
    return Array.isArray(value) && value.every((text) => typeof text === "string" && text !== "")
      ? (value as string[])
      : this.#refuse(name, "a list of texts");
  }

  object(name: string): Reader {
    return new Reader(this.#fields[name], this.#source, `${this.#path}${name}`);
  }

  objects(name: string): readonly Reader[] {
    const value = this.#fields[name];
    if (!Array.isArray(value)) return this.#refuse(name, "a list");
    return value.map((one, index) => new Reader(one, this.#source, `${this.#path}${name}[${index}]`));
  }

  #refuse(name: string, wanted: string): never {
    throw new Error(
      `${this.#source}: ${this.#path}${name}: ${wanted} is expected, not ${JSON.stringify(this.#fields[name])}`,
    );
  }
}
