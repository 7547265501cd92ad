// How a verb reaches the mesh: where the broker is, and with whose credentials.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { accountKeys, credentialsFile, ensureKeys, issueCredentials, policySigningKey } from "@malla/broker-config";
import { connectNats, type NatsBroker, openKeyValue } from "@malla/sdk/broker";
import { POLICY_BUCKET, PolicyStore } from "@malla/sdk/discovery";
import { Failure } from "../failure.ts";
import { requireHome } from "../home.ts";
import { readRunFile } from "../run-file.ts";

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

/** There is one namespace yet; another is refused rather than ignored. */
export function checkNamespace(flags: MeshFlags): void {
  if (flags.namespace !== undefined && flags.namespace !== "default") {
    throw new Failure(`there is no namespace ${flags.namespace}; this mesh has one, \`default\``);
  }
}

/** A path of credentials for a name, which must have been issued. */
export function credentialsPath(home: string, name: string): string {
  const path = credentialsFile(home, name);
  if (!existsSync(path)) {
    throw new Failure(
      `there are no credentials for ${name} (${path}). Issue some: malla credentials issue ${name} --role service -o ${path}`,
    );
  }
  return path;
}

export interface PolicyAccess {
  readonly store: PolicyStore;
  readonly seed: Uint8Array;
  readonly close: () => Promise<void>;
}

/** Opens the policy as operator. */
export async function openPolicy(flags: MeshFlags): Promise<PolicyAccess> {
  checkNamespace(flags);
  const home = requireHome();
  const keys = await ensureKeys(home);
  const credentials = await issueCredentials(keys, {
    name: "operator",
    role: "operator",
    account: accountKeys(keys, "CTRL").name,
    expiresInMs: VERB_LIFE_MS,
  });
  const broker = await connectNats({
    servers: natsUrl(flags, home),
    credentials,
    name: "malla",
    inboxPrefix: "_INBOX.operator",
  });
  const store = new PolicyStore(await openKeyValue(broker, POLICY_BUCKET), keys.policy.publicKey);
  return { store, seed: new TextEncoder().encode(policySigningKey(keys).reveal()), close: async () => broker.close() };
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
  });
}

/** Whoever applies: the account name of the person, for the history of the policy. */
export function author(): string {
  return process.env["MALLA_AUTHOR"] ?? process.env["USER"] ?? process.env["LOGNAME"] ?? "operator";
}
