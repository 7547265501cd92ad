// A principal's share of the store of idempotency keys. Records live for a day and a full store refuses new claims, so that one who
// makes up keys, or asks for large replies with them, would take it from everybody.

/** Keys a principal may claim at this router in a day. */
export const MAX_CLAIMS_PER_PRINCIPAL = 100_000;
/** Replies kept for its keys in a day, in bytes; further calls run once as well, but their replies are not kept. */
export const MAX_KEPT_BYTES_PER_PRINCIPAL = 16 * 1024 * 1024;
/** As long as the stream keeps a record, in ms. */
export const CLAIM_WINDOW_MS = 86_400_000;

export class ClaimShare {
  readonly #nowMs: () => number;
  /** Of this window alone. */
  readonly #used = new Map<string, { claims: number; bytes: number }>();
  #endsAtMs = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** False if this principal has claimed as many as it may; else the claim is counted. */
  claim(principal: string): boolean {
    const used = this.#of(principal);
    if (used.claims >= MAX_CLAIMS_PER_PRINCIPAL) return false;
    used.claims++;
    return true;
  }

  /** Whether a reply of so many bytes may be kept; if so it is counted. */
  keep(principal: string, bytes: number): boolean {
    const used = this.#of(principal);
    if (used.bytes + bytes > MAX_KEPT_BYTES_PER_PRINCIPAL) return false;
    used.bytes += bytes;
    return true;
  }

  #of(principal: string): { claims: number; bytes: number } {
    const now = this.#nowMs();
    if (now >= this.#endsAtMs) {
      this.#endsAtMs = now + CLAIM_WINDOW_MS;
      this.#used.clear();
    }
    let used = this.#used.get(principal);
    if (used === undefined) {
      used = { claims: 0, bytes: 0 };
      this.#used.set(principal, used);
    }
    return used;
  }
}
