// Which server of the list is a connection's home, and which come after it.
import { createHash } from "node:crypto";

/** Bytes of a hash that are read as a number. */
const SCORE_BYTES = 6;

/**
 * The servers in the order in which this connection wants them; the first is its home. Rendezvous hashing: connections with random
 * ids spread evenly, nobody has to agree with anybody, those of a server that is gone spread evenly over the others, and all others
 * stay where they are. A server named twice counts once.
 */
export function rankServers(connection: string, servers: readonly string[]): readonly string[] {
  return [...new Set(servers)]
    .map((server) => ({ server, score: scoreOf(connection, server) }))
    .sort((a, b) => b.score - a.score)
    .map(({ server }) => server);
}

/** A cryptographic hash, since the names of a cluster's servers differ in one character. */
function scoreOf(connection: string, server: string): number {
  return createHash("sha256").update(`${connection} ${server}`).digest().readUIntBE(0, SCORE_BYTES);
}
