// What the mesh remembers of an idempotency key: claimed by a router that runs it, done with its reply, or free again.
import { createHash } from "node:crypto";
import type { Exchange } from "@malla/sdk/call";

/** A larger reply is not kept, in bytes of headers and payload; whoever asks again is told that it was done. */
export const MAX_KEPT_REPLY_BYTES = 32 * 1024;

export type ClaimRecord =
  /** `untilMs`: wall clock after which the router that claimed it has given up, whatever became of it. */
  | { readonly state: "claimed"; readonly router: string; readonly untilMs: number }
  | { readonly state: "done"; readonly headers: string; readonly payload: string }
  | { readonly state: "done-unkept" }
  /** Nothing ran: the next who comes may claim it. */
  | { readonly state: "free" };

/** Key of a record: who, what, and which key, hashed, since a subject token cannot hold them. */
export function claimKey(exchange: Exchange): string {
  const parts = [exchange.principal, exchange.targetService, exchange.targetMethod, exchange.idempotencyKey ?? ""];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

export function encodeClaim(record: ClaimRecord): Uint8Array {
  return Buffer.from(JSON.stringify(record));
}

/** A record this code cannot read is treated as claimed for ever: running twice is worse than refusing. */
export function decodeClaim(bytes: Uint8Array): ClaimRecord {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8")) as ClaimRecord;
  } catch {
    return { state: "done-unkept" };
  }
}
