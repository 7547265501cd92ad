// What signs credentials, read anew for each pass: keys are rotated and certificates renewed while the operator runs.
import { isDeepStrictEqual } from "node:util";
import type { Keys } from "@malla/broker-config";
import { cachedVerify } from "../identity/cached-verify.ts";
import type { Issuer } from "../identity/plan-secret.ts";

export type IssuerParts = Omit<Issuer, "verify">;

export class IssuerSource {
  readonly #read: () => Promise<IssuerParts>;
  #issuer: Issuer | undefined;

  constructor(read: () => Promise<IssuerParts>) {
    this.#read = read;
  }

  /** The same object as before, with what it has verified, while nothing has changed. */
  async read(): Promise<Issuer> {
    const parts = await this.#read();
    const known = this.#issuer;
    if (known !== undefined && isDeepStrictEqual(facts(known), facts(parts))) return known;
    this.#issuer = { ...parts, verify: cachedVerify(parts.keys) };
    return this.#issuer;
  }
}

/** Public keys say which keys they are. */
function facts({ keys, url, ca }: IssuerParts): unknown {
  return [url, ca, keys.policy.publicKey, keys.accounts.map(accountFacts)];
}

function accountFacts({ name, identity, roles }: Keys["accounts"][number]): unknown {
  return [name, identity.publicKey, roles.map(({ role, key, previous }) => [role, key.publicKey, previous])];
}
