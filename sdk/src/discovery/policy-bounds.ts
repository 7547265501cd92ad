// How large a policy may be. Every router holds it whole, compiles it at once, and reads its head each second.

export const MAX_POLICY_DOCUMENTS = 4_000;
/** All its documents as they are stored, in bytes. */
export const MAX_POLICY_BYTES = 32 * 1024 * 1024;
/** A signed head, in bytes: the bucket takes messages of 1 MiB with their headers. */
export const MAX_HEAD_BYTES = 1_000_000;

/** Throws an Error that says by how much it is too large. */
export function refuseTooLarge(documents: number, bytes: number, headBytes = 0): void {
  if (documents > MAX_POLICY_DOCUMENTS)
    throw new Error(`the policy would have ${documents} documents, at most ${MAX_POLICY_DOCUMENTS} are carried`);
  if (bytes > MAX_POLICY_BYTES)
    throw new Error(`the documents of the policy would have ${bytes} bytes, at most ${MAX_POLICY_BYTES} are carried`);
  if (headBytes > MAX_HEAD_BYTES)
    throw new Error(
      `the head of the policy would have ${headBytes} bytes, at most ${MAX_HEAD_BYTES} are carried: fewer documents, or shorter names`,
    );
}
