// The accounts of a mesh and what each may use of the server.
import type { AccountKind } from "./grants.ts";

const MIB = 1024 * 1024;

/** What an account may keep in JetStream. The server reserves it, so that no account can eat another's share. */
export interface StoreLimits {
  readonly diskBytes: number;
  /** Memory for the consumers of watches; streams are on disk. */
  readonly memoryBytes: number;
}

/** JetStream per kind of account. `MESH` has none, since JetStream publishes to any reply subject unchecked. */
export const STORE_LIMITS: Readonly<Record<AccountKind, StoreLimits | undefined>> = {
  MESH: undefined,
  CTRL: { diskBytes: 256 * MIB, memoryBytes: 16 * MIB },
  LEASE: { diskBytes: 64 * MIB, memoryBytes: 16 * MIB },
  DURABLE: { diskBytes: 1024 * MIB, memoryBytes: 64 * MIB },
  FUNC: { diskBytes: 512 * MIB, memoryBytes: 16 * MIB },
  AUTH: undefined,
  APPLICATION: { diskBytes: 512 * MIB, memoryBytes: 64 * MIB },
};

/** Connections the server takes in all; `server/limits.conf` says the same number. */
export const MAX_CONNECTIONS = 16_384;
/** Connections MESH may hold: the rest stays free for routers in CTRL and DURABLE, and for the operator. */
export const MESH_MAX_CONNECTIONS = 14_336;

/** The accounts every mesh has, besides SYS and those of applications. */
export const MESH_ACCOUNTS = ["MESH", "CTRL", "LEASE", "DURABLE", "FUNC", "AUTH"] as const satisfies AccountKind[];
export const SYSTEM_ACCOUNT = "SYS";
/** Accounts of applications that a development mesh starts with: the shop's. */
export const DEFAULT_APPLICATIONS: readonly string[] = ["SHOP"];

/** Upper case throughout, since the name travels in a tag and tags are lower-cased on their way. */
const APPLICATION_NAME = /^[A-Z][A-Z0-9_-]{0,31}$/;
const RESERVED: ReadonlySet<string> = new Set([...MESH_ACCOUNTS, SYSTEM_ACCOUNT, "APPLICATION"]);

/** Whether an application account may have this name: upper case, at most 32 characters, none of the mesh's own. */
export function isApplicationAccount(name: string): boolean {
  return APPLICATION_NAME.test(name) && !RESERVED.has(name);
}

/** The kind of an account by its name; undefined for SYS and for what cannot be a name. */
export function kindOfAccount(name: string): AccountKind | undefined {
  if (isApplicationAccount(name)) return "APPLICATION";
  return MESH_ACCOUNTS.find((account) => account === name);
}
