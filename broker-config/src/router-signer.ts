// A router signs its own users, one per worker and account, so that no two workers share an id. This is the part of the
// keys it holds for that: the router's role in three accounts, and no power over any other role.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Secret } from "@malla/sdk/contract";
import { writePrivateFile } from "./atomic-file.ts";
import { credentialsFolder, signUser, type UserSigner } from "./credentials.ts";
import { accountKeys, ensureKeys, type Keys, roleKey } from "./keys.ts";

/** The accounts a router connects to, by what it does there. */
const ACCOUNTS = { mesh: "MESH", control: "CTRL", durable: "DURABLE" } as const;
type RouterAccount = keyof typeof ACCOUNTS;
const FORMAT = 1;

/** One role key a router may sign with. */
export interface RouterSigningKey {
  /** Public key of the account. */
  readonly accountKey: string;
  readonly seed: Secret;
}

export interface RouterSigner {
  readonly accounts: Readonly<Record<RouterAccount, RouterSigningKey>>;
  /** Verifies policy heads. */
  readonly policyPublicKey: string;
}

/** Texts of `.creds` files, one per account. */
export type RouterCredentials = Readonly<Record<RouterAccount, string>>;

/** The router's part of the keys. */
export function routerSigner(keys: Keys): RouterSigner {
  const signingKey = (name: string): RouterSigningKey => {
    const account = accountKeys(keys, name);
    return { accountKey: account.identity.publicKey, seed: roleKey(account, "router").key.seed };
  };
  return {
    accounts: {
      mesh: signingKey(ACCOUNTS.mesh),
      control: signingKey(ACCOUNTS.control),
      durable: signingKey(ACCOUNTS.durable),
    },
    policyPublicKey: keys.policy.publicKey,
  };
}

/** Signs the users of one router process or worker. `routerId` starts with `router-` and is nobody else's. */
export async function signRouterUser(
  signer: RouterSigner,
  routerId: string,
  options: { readonly expiresInMs?: number } = {},
): Promise<RouterCredentials> {
  const sign = async (account: RouterAccount): Promise<string> =>
    await signUser(userSigner(signer, account), { name: routerId, ...options });
  const [mesh, control, durable] = await Promise.all([sign("mesh"), sign("control"), sign("durable")]);
  return { mesh, control, durable };
}

/** Where the routers of a mesh find their signer. */
export function routerSignerFile(home: string): string {
  return join(credentialsFolder(home), "router.signer.json");
}

/** Writes the signer to `<home>/credentials/router.signer.json` (0600) and returns the path. Makes missing keys. */
export async function writeRouterSigner(home: string, keys?: Keys): Promise<string> {
  const signer = routerSigner(keys ?? (await ensureKeys(home, { applications: [] })));
  const path = routerSignerFile(home);
  await writePrivateFile(path, `${serialiseRouterSigner(signer)}\n`);
  return path;
}

/** The signer as JSON. The text holds secrets. */
export function serialiseRouterSigner(signer: RouterSigner): string {
  const accounts = Object.fromEntries(
    Object.entries(signer.accounts).map(([name, key]) => [
      name,
      { accountKey: key.accountKey, seed: key.seed.reveal() },
    ]),
  );
  return JSON.stringify({ format: FORMAT, accounts, policyPublicKey: signer.policyPublicKey }, null, 2);
}

/** Reads a signer file. Errors name the file and the field, never a seed. */
export async function readRouterSigner(path: string): Promise<RouterSigner> {
  return parseRouterSigner(await readFile(path, "utf8"), path);
}

/** Reads the JSON of a signer; `source` names it in errors. */
export function parseRouterSigner(text: string, source = "router signer"): RouterSigner {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // The parser's own message would quote the file.
    throw new Error(`${source}: this is not JSON`);
  }
  const content = parsed as {
    format?: unknown;
    accounts?: Record<string, Record<string, unknown>>;
    policyPublicKey?: unknown;
  };
  if (content?.format !== FORMAT) throw new Error(`${source}: this is no router signer of format ${FORMAT}`);
  const signingKey = (account: RouterAccount): RouterSigningKey => {
    const { accountKey, seed } = content.accounts?.[account] ?? {};
    if (typeof accountKey !== "string" || !/^A[A-Z2-7]{55}$/.test(accountKey))
      throw new Error(`${source}: accounts.${account}.accountKey is no account key`);
    if (typeof seed !== "string" || !/^SA[A-Z2-7]{56}$/.test(seed))
      throw new Error(`${source}: accounts.${account}.seed is no signing key`);
    return { accountKey, seed: new Secret(seed) };
  };
  if (typeof content.policyPublicKey !== "string" || !/^U[A-Z2-7]{55}$/.test(content.policyPublicKey)) {
    throw new Error(`${source}: policyPublicKey is no public key`);
  }
  return {
    accounts: { mesh: signingKey("mesh"), control: signingKey("control"), durable: signingKey("durable") },
    policyPublicKey: content.policyPublicKey,
  };
}

function userSigner(signer: RouterSigner, account: RouterAccount): UserSigner {
  const { accountKey, seed } = signer.accounts[account];
  return { role: "router", account: ACCOUNTS[account], accountKey, policyKey: signer.policyPublicKey, seed };
}
