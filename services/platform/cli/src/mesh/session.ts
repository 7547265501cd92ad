// How a verb reaches the mesh: where the broker is, and with whose credentials.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { credentialsFile, ensureKeys, issueCredentials, type Keys, policySigningKey } from "@malla/broker-config";
import { connectNats, type NatsBroker, openKeyValue, type TlsFiles, tlsFilesFrom } from "@malla/sdk/broker";
import { isServiceName, ROLES } from "@malla/sdk/contract";
import { PatientKeyValue, POLICY_BUCKET, PolicyStore } from "@malla/sdk/discovery";
import { Failure, misuse } from "../failure.ts";
import { requireHome } from "../home.ts";
import { readRunFile } from "../run-file.ts";

/** The name operators go by; their role is called the same. */
export const OPERATOR = "operator";
const DEFAULT_URL = "nats://127.0.0.1:4222";
/** Life of credentials a verb makes for itself, in ms. */
const VERB_LIFE_MS = 5 * 60_000;

export interface MeshFlags {
  readonly servers?: string;
  readonly namespace?: string;
}

/** Flag before environment before what runs here before the default. */
export function natsUrl(flags: MeshFlags, home: string): string {
  return flags.servers ?? process.env["NATS_URL"] ?? readRunFile(home)?.natsUrl ?? DEFAULT_URL;
}

/** For a broker that wants TLS; `malla run` hands the same variables on. */
function tls(): { readonly tls?: TlsFiles } {
  const files = tlsFilesFrom(process.env);
  return files === undefined ? {} : { tls: files };
}

/** There is one namespace yet; another is refused rather than ignored. */
export function checkNamespace(flags: MeshFlags): void {
  if (flags.namespace !== undefined && flags.namespace !== "default") {
    throw new Failure(`there is no namespace ${flags.namespace}; this mesh has one, \`default\``);
  }
}

/** A path of credentials for a name, which must have been issued. */
export function credentialsPath(home: string, name: string): string {
  if (!isServiceName(name))
    throw misuse(`${JSON.stringify(name)} is no principal: a DNS label in lower case is expected`);
  const path = credentialsFile(home, name);
  if (!existsSync(path)) {
    throw new Failure(
      `there are no credentials for ${name} (${path}). Issue some: malla credentials issue ${name} --role ${roleOf(name)} -o ${path}`,
    );
  }
  return path;
}

/** A role's own name is for that role alone; everybody else is most likely a service. */
function roleOf(name: string): string {
  return name === "service" || !(ROLES as readonly string[]).includes(name) ? "service" : name;
}

export interface PolicyAccess {
  readonly store: PolicyStore;
  readonly seed: Uint8Array;
  readonly close: () => Promise<void>;
}

/** Opens the policy as operator. */
export async function openPolicy(flags: MeshFlags): Promise<PolicyAccess> {
  const { broker, keys } = await connectOperator(flags, "CTRL");
  try {
    const store = new PolicyStore(
      new PatientKeyValue(await openKeyValue(broker, POLICY_BUCKET)),
      keys.policy.publicKey,
    );
    const seed = new TextEncoder().encode(policySigningKey(keys).reveal());
    return { store, seed, close: async () => broker.close() };
  } catch (error) {
    await broker.close();
    throw error;
  }
}

/** An operator's connection to the account in which calls travel: sees who is there, and may ask routers and services. */
export async function openOperator(flags: MeshFlags): Promise<NatsBroker> {
  return (await connectOperator(flags, "MESH")).broker;
}

/** Credentials for the moment, signed with the keys of this home. */
async function connectOperator(flags: MeshFlags, account: string): Promise<{ broker: NatsBroker; keys: Keys }> {
  checkNamespace(flags);
  const home = requireHome();
  const keys = await ensureKeys(home, { applications: [] });
  return { broker: await connectWithKeys(natsUrl(flags, home), keys, account), keys };
}

/** An operator's connection to an account, with credentials for the moment. */
export async function connectWithKeys(servers: string, keys: Keys, account: string): Promise<NatsBroker> {
  const request = { name: OPERATOR, role: OPERATOR, account, expiresInMs: VERB_LIFE_MS } as const;
  const credentials = await issueCredentials(keys, request);
  return await connectNats({ servers, credentials, name: "malla", inboxPrefix: `_INBOX.${OPERATOR}`, ...tls() });
}

/** A connection that sees who is there and may ask services how they are. */
export async function openObserver(flags: MeshFlags): Promise<NatsBroker> {
  checkNamespace(flags);
  const home = requireHome();
  const path = join(home, "credentials", "observer.creds");
  if (!existsSync(path)) throw new Failure(`there are no credentials for observer (${path}); \`malla up\` writes them`);
  return await connectNats({
    servers: natsUrl(flags, home),
    credentials: readFileSync(path, "utf8"),
    name: "malla",
    inboxPrefix: "_INBOX.observer",
    ...tls(),
  });
}

/** Whoever applies: the account name of the person, for the history of the policy. */
export function author(): string {
  return process.env["MALLA_AUTHOR"] ?? process.env["USER"] ?? process.env["LOGNAME"] ?? "operator";
}
