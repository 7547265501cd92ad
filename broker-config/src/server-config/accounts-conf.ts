// The part of a server's configuration that says whom it trusts.
import type { AccountKind } from "../grants.ts";
import { type TrustOptions, trustChain } from "../jwts.ts";
import { type AccountKeys, accountKeys, type Keys } from "../keys.ts";

/** The account that calls travel in, and that leaf nodes join. */
export const CALLS_ACCOUNT: AccountKind = "MESH";

/** Public keys of the accounts that calls need fast: their routes are their own. */
export function dedicatedAccounts(keys: Keys): string[] {
  return [callsAccount(keys).identity.publicKey];
}

export function callsAccount(keys: Keys): AccountKeys {
  return accountKeys(keys, CALLS_ACCOUNT);
}

/**
 * Operator and accounts. What an earlier text of this says is taken again where it still fits: a running server refuses
 * another JWT of the operator, and who writes twice what is the same should not see a change.
 */
export async function accountsConf(
  keys: Keys,
  options: Omit<TrustOptions, "earlier">,
  earlier: string | undefined,
): Promise<string> {
  const trust = await trustChain(keys, { ...options, earlier: earlier === undefined ? [] : jwtsIn(earlier) });
  return [
    "# Generated: whom this mesh trusts.",
    `operator: ${trust.operator}`,
    `system_account: ${trust.systemAccount}`,
    "resolver: MEMORY",
    "resolver_preload: {",
    ...[...trust.accounts].map(([publicKey, jwt]) => `  ${publicKey}: ${jwt}`),
    "}",
    "",
  ].join("\n");
}

function jwtsIn(text: string): string[] {
  return [...text.matchAll(/^(?:operator| {2}A[A-Z2-7]{55}): (\S+)$/gm)].map((match) => match[1] as string);
}
