// Standard input as a whole.

/** All of it, as bytes. Reading by file descriptor would fail where the other end has not written yet. */
export async function readStdin(): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}
