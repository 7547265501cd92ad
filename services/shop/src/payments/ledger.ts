// Charges and refunds. An order is charged once, whoever asks how often.
import { createHash } from "node:crypto";
import { refusal } from "../refuse.ts";
import type { Bucket } from "../state/bucket.ts";

export interface LedgerEntry {
  readonly cents: number;
  readonly receipt: string;
  readonly state: "CHARGED" | "REFUNDED";
}

/** Cards that begin so are declined, as test cards are everywhere. */
const DECLINED = "4000";

export async function charge(bucket: Bucket, orderId: string, cents: number, card: string): Promise<LedgerEntry> {
  if (cents <= 0) throw refusal("INVALID_ARGUMENT", "cents: more than nothing is expected");
  if (card.startsWith(DECLINED)) throw refusal("FAILED_PRECONDITION", "the card was declined");
  const receipt = createHash("sha256").update(`${orderId}:${cents}`).digest("hex").slice(0, 16);
  const entry = await bucket.update<LedgerEntry>(orderId, (known) =>
    known === undefined ? { cents, receipt, state: "CHARGED" } : undefined,
  );
  return entry as LedgerEntry;
}

export async function refund(bucket: Bucket, orderId: string): Promise<LedgerEntry> {
  const entry = await bucket.update<LedgerEntry>(orderId, (known) => {
    if (known === undefined) throw refusal("NOT_FOUND", `order ${orderId} was never charged`);
    return known.state === "REFUNDED" ? undefined : { ...known, state: "REFUNDED" };
  });
  return entry as LedgerEntry;
}

export async function findPayment(bucket: Bucket, orderId: string): Promise<LedgerEntry> {
  const entry = await bucket.read<LedgerEntry>(orderId);
  if (entry === undefined) throw refusal("NOT_FOUND", `order ${orderId} was never charged`);
  return entry;
}
