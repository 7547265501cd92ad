// Stage `claim`: a call with an idempotency key is claimed in a bucket all routers share before it is dispatched, and its
// reply is kept for whoever asks again. Two calls with one key at two routers: one runs, the other waits for its reply.
import type { KeyValue } from "@malla/sdk/broker";
import {
  applicationFields,
  type DispatchResult,
  type Exchange,
  encodeFields,
  errorFields,
  type InstanceReply,
  isFramedReply,
  type Runtime,
} from "@malla/sdk/call";
import { MeshError, parseHeaderBlock, reasonTable } from "@malla/sdk/contract";
import { type ClaimRecord, claimKey, decodeClaim, encodeClaim, MAX_KEPT_REPLY_BYTES } from "./claim-record.ts";
import { ClaimShare } from "./claim-share.ts";

/** Who finds the key claimed looks again after this, in ms. */
const LOOK_AGAIN_MS = 50;
/** What became of a call is written again after this, in ms, when the bucket did not say whether it has it. */
const WRITE_AGAIN_MS = 250;
/** A claim outlives its call's deadline by this, in ms: the router that made it may still be writing. */
const CLAIM_GRACE_MS = 2_000;
/** And its record outlives that by this, in ms: a router that stood still may yet write what became of the call. */
const RECORD_GRACE_MS = 60_000;

/** The right to run a call, or the reply of the one who ran it. */
export type Claim =
  | { readonly type: "mine"; readonly key: string; readonly revision: number }
  | { readonly type: "replied"; readonly reply: InstanceReply };

/** Where a claim stands in the bucket. */
type Held = Omit<Extract<Claim, { type: "mine" }>, "type">;

export class Claims {
  readonly #bucket: KeyValue;
  readonly #runtime: Runtime;
  readonly #router: string;
  readonly #share: ClaimShare;

  constructor(bucket: KeyValue, runtime: Runtime, router: string) {
    this.#bucket = bucket;
    this.#runtime = runtime;
    this.#router = router;
    this.#share = new ClaimShare(() => runtime.clock.nowMs());
  }

  /**
   * Claims, or waits for the reply of whoever has claimed it. Throws `deadline` if that does not come in time, `rate-limited` if the
   * principal has claimed too many.
   */
  async claim(exchange: Exchange): Promise<Claim> {
    const { clock } = this.#runtime;
    const key = claimKey(exchange);
    for (;;) {
      const entry = await this.#bucket.get(key);
      const record = entry === undefined ? undefined : decodeClaim(entry.value);
      if (record?.state === "done") return { type: "replied", reply: keptReply(record) };
      if (record?.state === "done-unkept") {
        throw MeshError.of(
          "gone",
          "the call with this idempotency key has run already; its reply was not kept, being too large or one too many",
          { origin: "router" },
        );
      }
      const free = record === undefined || record.state === "free" || record.untilMs < clock.wallMs();
      if (free) {
        if (!this.#share.claim(exchange.principal)) throw tooManyKeys(exchange.principal);
        const heldMs = exchange.deadlineAtMs - clock.nowMs() + CLAIM_GRACE_MS;
        const claimed = encodeClaim({ state: "claimed", router: this.#router, untilMs: clock.wallMs() + heldMs });
        const outcome = await this.#bucket.put(key, claimed, entry?.revision ?? 0, heldMs + RECORD_GRACE_MS);
        if (outcome.type === "written") return { type: "mine", key, revision: outcome.revision };
        if (outcome.type === "unknown")
          throw MeshError.of("not-started", "the idempotency key could not be claimed", {
            origin: "router",
            cause: outcome.error,
          });
      }
      if (clock.nowMs() + LOOK_AGAIN_MS >= exchange.deadlineAtMs) {
        throw MeshError.of("deadline", "another call with this idempotency key was still running at the deadline", {
          origin: "router",
        });
      }
      await new Promise<void>((resolve) => this.#runtime.timers.schedule(LOOK_AGAIN_MS, resolve));
    }
  }

  /**
   * Keeps what became of a claimed call. Resolves when it is written, so that a caller is answered after, not before; or when the
   * bucket does not answer, as just after an outage of the broker: then it is written as soon as that does, since whoever asks
   * again when the claim has run out would run the call a second time.
   */
  async settle(claim: Held, exchange: Exchange, result: DispatchResult): Promise<void> {
    const record = recordOf(exchange, result, this.#share);
    if (record === undefined) return;
    // That nothing ran needs no telling once whoever waits for the key has looked again.
    const lifeMs = record.state === "free" ? RECORD_GRACE_MS : undefined;
    const write = async (): Promise<boolean> => await this.#isKept(claim, encodeClaim(record), lifeMs);
    if (await write()) return;
    this.#writeAgain(write, exchange.deadlineAtMs + CLAIM_GRACE_MS + RECORD_GRACE_MS);
  }

  /** Or is no longer this router's to write: a conflict says that it was written after all, or claimed anew. */
  async #isKept({ key, revision }: Held, value: Uint8Array, lifeMs: number | undefined): Promise<boolean> {
    return (await this.#bucket.put(key, value, revision, lifeMs)).type !== "unknown";
  }

  #writeAgain(write: () => Promise<boolean>, untilMs: number): void {
    const { clock, timers } = this.#runtime;
    if (clock.nowMs() + WRITE_AGAIN_MS >= untilMs) return;
    timers.schedule(WRITE_AGAIN_MS, () => {
      void write().then((kept) => {
        if (!kept) this.#writeAgain(write, untilMs);
      });
    });
  }
}

/** Undefined: it may have run, nobody knows; the claim stays until it has run out. */
function recordOf(exchange: Exchange, { error, reply }: DispatchResult, share: ClaimShare): ClaimRecord | undefined {
  if (error !== undefined && error.reason !== "application") {
    return reasonTable[error.reason].mayHaveRun ? undefined : { state: "free" };
  }
  // Its bytes went past this router.
  if (reply !== undefined && isFramedReply(reply.headers)) return { state: "done-unkept" };
  const fields = reply === undefined ? [] : applicationFields(reply.headers);
  if (error !== undefined) fields.push(...errorFields(error, exchange.attempts));
  const headers = encodeFields(fields);
  const payload = reply?.payload ?? new Uint8Array(0);
  const bytes = headers.length + payload.length;
  if (bytes > MAX_KEPT_REPLY_BYTES || !share.keep(exchange.principal, bytes)) return { state: "done-unkept" };
  return {
    state: "done",
    headers: Buffer.from(headers).toString("base64"),
    payload: Buffer.from(payload).toString("base64"),
  };
}

function tooManyKeys(principal: string): MeshError {
  const message = `${principal} has used as many idempotency keys at this router as it may within a day`;
  return MeshError.of("rate-limited", message, { origin: "router" });
}

function keptReply(record: { readonly headers: string; readonly payload: string }): InstanceReply {
  const headers = parseHeaderBlock(Buffer.from(record.headers, "base64"));
  if (typeof headers === "string")
    throw MeshError.of("internal", "the kept reply cannot be read", { origin: "router" });
  return { attemptId: "", headers, payload: Buffer.from(record.payload, "base64") };
}
