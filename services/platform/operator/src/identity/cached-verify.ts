// Remembers what was verified: a signature takes a hundred times as long to check as to look up, and a pass looks at all of them.
import { createHash } from "node:crypto";
import { type Keys, type VerifiedCredentials, verifyCredentials } from "@malla/broker-config";

const MAX_KEPT = 20_000;

/** `verifyCredentials` with these keys. Nothing secret is kept, only hashes of what was asked. */
export function cachedVerify(keys: Keys): (text: string) => VerifiedCredentials | undefined {
  const kept = new Map<string, VerifiedCredentials | undefined>();
  return (text) => {
    const hash = createHash("sha256").update(text).digest("base64");
    if (kept.has(hash)) return kept.get(hash);
    const verified = verifyCredentials(keys, text);
    if (kept.size >= MAX_KEPT) kept.clear();
    kept.set(hash, verified);
    return verified;
  };
}
