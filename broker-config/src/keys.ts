// The keys of a mesh: made on first use, one file each under <home>/keys, so that any of them can be kept elsewhere or
// replaced alone.
import { randomBytes } from "node:crypto";
import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type CredentialRole, Secret } from "@malla/sdk/contract";
import { createAccount, createOperator, createUser, fromSeed, type KeyPair } from "@nats-io/nkeys";
import {
  DEFAULT_APPLICATIONS,
  isApplicationAccount,
  kindOfAccount,
  MESH_ACCOUNTS,
  SYSTEM_ACCOUNT,
} from "./accounts.ts";
import { readIfPresent, readOrCreatePrivateFile } from "./atomic-file.ts";
import { type AccountKind, GRANTS } from "./grants.ts";

/** An nkey: the public half as text, the seed as a secret that does not print. */
export interface NKey {
  readonly publicKey: string;
  readonly seed: Secret;
}

/** Signs the users of one role in one account; the account's JWT binds it to the role's grants. */
export interface RoleKey {
  readonly role: CredentialRole;
  readonly key: NKey;
  /** Public key of the signer before the last rotation: what it signed is still good until it is retired. */
  readonly previous: string | undefined;
}

export interface AccountKeys {
  readonly name: string;
  readonly kind: AccountKind;
  /** The account's identity; it signs no users. */
  readonly identity: NKey;
  readonly roles: readonly RoleKey[];
}

/** All keys of a mesh. Whoever holds this may be anybody. */
export interface Keys {
  readonly operator: NKey;
  /** Signs accounts; the identity key above signs nothing but the operator's own JWT. */
  readonly operatorSigner: NKey;
  readonly system: NKey;
  /** Signs policy heads and function bundles; an nkey of a user, so that it has no power over accounts. */
  readonly policy: NKey;
  /** Servers of one cluster prove themselves to each other with it. */
  readonly routePassword: Secret;
  /** Servers of different regions prove themselves to each other with it. */
  readonly gatewayPassword: Secret;
  readonly accounts: readonly AccountKeys[];
}

export interface EnsureKeysOptions {
  /** Names of application accounts that must exist; those made earlier stay. Default: `SHOP`. */
  readonly applications?: readonly string[];
}

const PASSWORD_BYTES = 24;

/** By the letter with which the public key starts. */
const MAKERS = { O: createOperator, A: createAccount, U: createUser } as const;

/** Where a mesh keeps its keys. */
export function keysFolder(home: string): string {
  return join(home, "keys");
}

/**
 * Reads the keys under `<home>/keys` and makes what is missing (files 0600, folders 0700). Any number of processes may do
 * so at once and all get the same keys. A damaged file is an error that names it; it is never replaced.
 */
export async function ensureKeys(home: string, options: EnsureKeysOptions = {}): Promise<Keys> {
  const folder = keysFolder(home);
  const applications = new Set(options.applications ?? DEFAULT_APPLICATIONS);
  for (const name of applications) {
    if (!isApplicationAccount(name)) {
      throw new Error(
        `"${name}" cannot be an application account: use up to 32 of A-Z, 0-9, _ and -, and no account of the mesh`,
      );
    }
  }
  for (const name of await applicationsOnDisk(folder)) applications.add(name);
  const names = [...MESH_ACCOUNTS, ...[...applications].sort()];
  const [routePassword, gatewayPassword, operator, operatorSigner, system, policy, ...accounts] = await whenAllEnded([
    ensurePassword(join(folder, "cluster.secret")),
    ensurePassword(join(folder, "gateway.secret")),
    ensureKey(join(folder, "operator.nk"), "O"),
    ensureKey(join(folder, "operator-signer.nk"), "O"),
    ensureKey(join(folder, `${SYSTEM_ACCOUNT}.nk`), "A"),
    ensureKey(join(folder, "policy.nk"), "U"),
    ...names.map((name) => ensureAccount(folder, name)),
  ]);
  return { operator, operatorSigner, system, policy, routePassword, gatewayPassword, accounts };
}

/** The keys of one account, by name. Throws, saying which exist, if there is no such account. */
export function accountKeys(keys: Keys, name: string): AccountKeys {
  const found = keys.accounts.find((account) => account.name === name);
  if (found !== undefined) return found;
  throw new Error(
    `there is no account "${name}"; there are ${keys.accounts.map((account) => account.name).join(", ")}`,
  );
}

/** The signer of a role in an account. Throws if the role has no grants there. */
export function roleKey(account: AccountKeys, role: CredentialRole): RoleKey {
  const found = account.roles.find((candidate) => candidate.role === role);
  if (found !== undefined) return found;
  const roles = account.roles.map((candidate) => candidate.role).join(", ");
  throw new Error(`role "${role}" has no grants in account ${account.name}; roles there: ${roles}`);
}

/**
 * Replaces the signer of a role in an account. Credentials signed by the old one stay good until `retireRoleKey`; both
 * take effect when the server's configuration is written again and reloaded. Rotate once, then retire, then rotate again.
 */
export async function rotateRoleKey(home: string, accountName: string, role: CredentialRole): Promise<Keys> {
  const account = accountKeys(await ensureKeys(home, { applications: [] }), accountName);
  if (roleKey(account, role).previous !== undefined) {
    throw new Error(`the previous signer of ${role} in ${accountName} is still valid: retire it first`);
  }
  const file = roleKeyFile(keysFolder(home), accountName, role);
  await rename(file, previousFile(file));
  return await ensureKeys(home, { applications: [] });
}

/** Ends the validity of all credentials that the previous signer of a role has signed. */
export async function retireRoleKey(home: string, accountName: string, role: CredentialRole): Promise<Keys> {
  await rm(previousFile(roleKeyFile(keysFolder(home), accountName, role)), { force: true });
  return await ensureKeys(home, { applications: [] });
}

/** The key pair of an nkey, to sign with. */
export function keyPair(key: NKey): KeyPair {
  return fromSeed(new TextEncoder().encode(key.seed.reveal()));
}

async function applicationsOnDisk(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return names
    .filter((name) => name.endsWith(".nk"))
    .map((name) => name.slice(0, -3))
    .filter(isApplicationAccount);
}

async function ensureAccount(folder: string, name: string): Promise<AccountKeys> {
  const kind = kindOfAccount(name) as AccountKind;
  const roles = GRANTS.filter((grant) => grant.account === kind).map((grant) => grant.role);
  const identity = await ensureKey(join(folder, `${name}.nk`), "A");
  return { name, kind, identity, roles: await whenAllEnded(roles.map((role) => ensureRole(folder, name, role))) };
}

async function ensureRole(folder: string, account: string, role: CredentialRole): Promise<RoleKey> {
  const file = roleKeyFile(folder, account, role);
  const previous = await readIfPresent(previousFile(file));
  const key = await ensureKey(file, "A");
  return { role, key, previous: previous === undefined ? undefined : parseKey(previous, previousFile(file)).publicKey };
}

/** As Promise.all, but where one fails the others have ended too: nobody writes a key into a folder that is being removed. */
async function whenAllEnded<const T extends readonly Promise<unknown>[]>(
  work: T,
): Promise<{ -readonly [I in keyof T]: Awaited<T[I]> }> {
  await Promise.allSettled(work);
  return (await Promise.all(work)) as { -readonly [I in keyof T]: Awaited<T[I]> };
}

function roleKeyFile(folder: string, account: string, role: CredentialRole): string {
  return join(folder, `${account}.${role}.nk`);
}

function previousFile(file: string): string {
  return `${file}.previous`;
}

async function ensurePassword(path: string): Promise<Secret> {
  const text = (await readOrCreatePrivateFile(path, () => `${randomBytes(PASSWORD_BYTES).toString("hex")}\n`)).trim();
  // It stands in URLs: hexadecimal needs no escaping there.
  if (/^[0-9a-f]{32,}$/.test(text)) return new Secret(text);
  throw new Error(`${path}: this is no password of servers; restore the file, or delete it to get a new one`);
}

async function ensureKey(path: string, prefix: keyof typeof MAKERS): Promise<NKey> {
  const text = await readOrCreatePrivateFile(path, () => `${new TextDecoder().decode(MAKERS[prefix]().getSeed())}\n`);
  const key = parseKey(text, path);
  if (key.publicKey[0] !== prefix) throw new Error(`${path}: this is a key of another kind than its name says`);
  return key;
}

function parseKey(text: string, path: string): NKey {
  const seed = text.trim();
  try {
    return { publicKey: fromSeed(new TextEncoder().encode(seed)).getPublicKey(), seed: new Secret(seed) };
  } catch {
    throw new Error(
      `${path}: this is no nkey seed; restore the file, or delete it to get a new key (what the old one signed is then refused)`,
    );
  }
}
