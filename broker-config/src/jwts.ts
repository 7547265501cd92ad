// What the server trusts: the operator's JWT and one JWT per account, with the grants of each role as the template of
// that role's signing key.
import { Buffer } from "node:buffer";
import { isDeepStrictEqual } from "node:util";
import {
  type Account,
  decode,
  encodeAccount,
  encodeOperator,
  newScopedSigner,
  type Operator,
  type OperatorLimits,
  type SigningKey,
} from "@nats-io/jwt";
import { MESH_MAX_CONNECTIONS, STORE_LIMITS, type StoreLimits, SYSTEM_ACCOUNT } from "./accounts.ts";
import { findGrant, type Grant } from "./grants.ts";
import { type AccountKeys, type Keys, keyPair } from "./keys.ts";

const UNLIMITED = -1;

/** The JWTs as the server's configuration needs them. Nothing in it is secret. */
export interface TrustChain {
  readonly operator: string;
  readonly systemAccount: string;
  /** Public key of the account → its JWT; SYS is among them. */
  readonly accounts: ReadonlyMap<string, string>;
}

export interface TrustOptions {
  /** JWTs of operator and accounts from an earlier run, in any order. */
  readonly earlier?: readonly string[];
  /** How many servers keep each message: an account's limit counts every copy. Default: 1. */
  readonly copies?: number;
  /** Leaf nodes that may join MESH at a time. Default: 0. */
  readonly leafNodes?: number;
}

/**
 * Signs operator and accounts. Only signing keys sign, never identities, and the server enforces that. A running server
 * refuses to reload if its operator's JWT has changed in any way, so an earlier one is taken again where it still fits,
 * and so is that of an account.
 */
export async function trustChain(keys: Keys, options: TrustOptions = {}): Promise<TrustChain> {
  const { earlier = [], ...amounts } = options;
  const operator =
    earlier.find((jwt) => subjectOf(jwt) === keys.operator.publicKey && fits(jwt, keys)) ?? (await signOperator(keys));
  const accounts = new Map<string, string>();
  const sign = async (name: string, publicKey: string, account: Partial<Account>): Promise<void> => {
    const jwt = await signAccount(keys, name, publicKey, account);
    accounts.set(publicKey, earlier.find((one) => subjectOf(one) === publicKey && saysTheSame(one, jwt)) ?? jwt);
  };
  await sign(SYSTEM_ACCOUNT, keys.system.publicKey, { limits: limits({ connections: UNLIMITED }) });
  for (const account of keys.accounts) {
    await sign(account.name, account.identity.publicKey, accountOf(account, amounts));
  }
  return { operator, systemAccount: keys.system.publicKey, accounts };
}

/** Without a look at the signature, which takes milliseconds: only a JWT of the right subject is worth it. */
function subjectOf(jwt: string): unknown {
  try {
    const claims = JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString("utf8")) as { sub?: unknown };
    return claims.sub;
  } catch {
    return undefined;
  }
}

/** Whether two JWTs differ in nothing but when they were made. */
function saysTheSame(one: string, other: string): boolean {
  try {
    const [before, after] = [one, other].map((jwt) => {
      const {
        iat: _at,
        jti: _id,
        ...claims
      } = decode<Record<string, unknown>>(jwt) as unknown as Record<string, unknown>;
      return claims;
    });
    return isDeepStrictEqual(before, after);
  } catch {
    return false;
  }
}

async function signOperator(keys: Keys): Promise<string> {
  return await encodeOperator("malla", keyPair(keys.operator), operatorClaims(keys));
}

function operatorClaims(keys: Keys): Partial<Operator> & { readonly strict_signing_key_usage: true } {
  return {
    signing_keys: [keys.operatorSigner.publicKey],
    system_account: keys.system.publicKey,
    // Not in the library's type; the server reads it.
    strict_signing_key_usage: true,
  };
}

function fits(jwt: string, keys: Keys): boolean {
  try {
    const { sub, nats } = decode<Record<string, unknown>>(jwt);
    const wanted = Object.entries(operatorClaims(keys));
    return sub === keys.operator.publicKey && wanted.every(([name, value]) => isDeepStrictEqual(nats[name], value));
  } catch {
    return false;
  }
}

async function signAccount(keys: Keys, name: string, publicKey: string, account: Partial<Account>): Promise<string> {
  return await encodeAccount(name, publicKey, account, { signer: keyPair(keys.operatorSigner) });
}

function accountOf(account: AccountKeys, { copies, leafNodes }: Omit<TrustOptions, "earlier">): Partial<Account> {
  const isMesh = account.kind === "MESH";
  return {
    limits: limits({
      store: STORE_LIMITS[account.kind],
      connections: isMesh ? MESH_MAX_CONNECTIONS : UNLIMITED,
      copies,
      leafNodes: isMesh ? leafNodes : 0,
    }),
    signing_keys: account.roles.flatMap((role) => {
      const grant = findGrant(role.role, account.kind) as Grant;
      const signers = role.previous === undefined ? [role.key.publicKey] : [role.key.publicKey, role.previous];
      return signers.map((signer) => scopedSigner(signer, grant));
    }),
  };
}

function scopedSigner(publicKey: string, grant: Grant): SigningKey {
  return newScopedSigner(publicKey, grant.role, {
    pub: { allow: [...grant.publish], deny: [] },
    sub: { allow: [...grant.subscribe], deny: [] },
    // The library's default here is read by the server as a permission to publish to any reply subject.
    resp: undefined as never,
    // Without this, credentials of a service also open leaf node, web socket and MQTT connections.
    allowed_connection_types: [grant.connection === "leaf" ? "LEAFNODE" : "STANDARD"],
    subs: grant.maxSubscriptions ?? UNLIMITED,
  });
}

interface Amounts {
  readonly store?: StoreLimits | undefined;
  readonly connections: number;
  readonly copies?: number | undefined;
  readonly leafNodes?: number | undefined;
}

/** No imports or exports: accounts have no way into each other. What is absent would count as zero. */
function limits({ store, connections, copies = 1, leafNodes = 0 }: Amounts): OperatorLimits {
  return {
    subs: UNLIMITED,
    data: UNLIMITED,
    payload: UNLIMITED,
    imports: 0,
    exports: 0,
    wildcards: false,
    conn: connections,
    leaf: leafNodes,
    disallow_bearer: true,
    ...(store === undefined
      ? {}
      : {
          disk_storage: store.diskBytes * copies,
          mem_storage: store.memoryBytes * copies,
          streams: UNLIMITED,
          consumer: UNLIMITED,
        }),
  };
}
