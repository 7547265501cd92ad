// The credentials a connection uses, and whether others may take their place.
import { type Credentials, readCredentials } from "../contract/credentials.ts";

/** So much of their life is left when a newer file should long have been there, but at least the ms below, and at most half of it. */
const LATE_SHARE = 0.1;
const LATE_MS = 5 * 60_000;

export class HeldCredentials {
  #text: string;
  #facts: Credentials;
  /** What was in use before: not every broker knows the new ones at once. */
  #former: string | undefined;

  /** `source` names them in errors. Throws a CredentialsError for what are none. */
  constructor(text: string, source: string) {
    this.#text = text;
    this.#facts = readCredentials(text, source);
  }

  get text(): string {
    return this.#text;
  }

  /** Wall clock; undefined if they do not expire. */
  get expiresAtMs(): number | undefined {
    return this.#facts.expiresAtMs;
  }

  /** Why these may not take the place of those in use; undefined if they may. Never quotes a file. */
  problemWith(text: string, source: string, nowMs: number): string | undefined {
    let facts: Credentials;
    try {
      facts = readCredentials(text, source);
    } catch (error) {
      return (error as Error).message;
    }
    const { principal, accountKey, role } = this.#facts;
    if (facts.principal !== principal)
      return `${source}: these are for ${facts.principal}, but this connection is ${principal}'s`;
    if (facts.accountKey !== accountKey) return `${source}: these are for another account, or another mesh`;
    if (facts.role !== role)
      return `${source}: these are of role ${facts.role ?? "unknown"}; a connection of role ${role ?? "unknown"} does not change it. Start the process anew`;
    if (facts.expiresAtMs !== undefined && facts.expiresAtMs <= nowMs)
      return `${source}: these expired at ${new Date(facts.expiresAtMs).toISOString()}`;
    return undefined;
  }

  /** From now on these are in use. Only what `problemWith` has nothing against. */
  replace(text: string): void {
    this.#former = this.#text;
    this.#use(text);
  }

  /** The broker does not take these: back to the former ones if they may still do. A second time: to these again. */
  fallBack(nowMs: number): void {
    if (this.#former === undefined) return;
    const { expiresAtMs } = readCredentials(this.#former);
    if (expiresAtMs !== undefined && expiresAtMs <= nowMs) return;
    this.replace(this.#former);
  }

  /** Ms until it is late and newer ones should be there; from 0 down it is. Infinity if they do not expire. */
  lateInMs(nowMs: number): number {
    const { expiresAtMs, issuedAtMs } = this.#facts;
    if (expiresAtMs === undefined) return Number.POSITIVE_INFINITY;
    const lifeMs = issuedAtMs === undefined ? Number.POSITIVE_INFINITY : expiresAtMs - issuedAtMs;
    const share = issuedAtMs === undefined ? 0 : lifeMs * LATE_SHARE;
    return expiresAtMs - nowMs - Math.min(Math.max(share, LATE_MS), lifeMs / 2);
  }

  #use(text: string): void {
    this.#text = text;
    this.#facts = readCredentials(text);
  }
}
