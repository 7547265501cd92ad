// Which server of a cluster leads a stream: the one whose death stops its writes.
import { issueCredentials, type Keys } from "@malla/broker-config";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect, credsAuthenticator } from "nats";

/** Name of the server. Rejects while there is none. */
export async function streamLeader(servers: readonly string[], keys: Keys, stream: string): Promise<string> {
  const credentials = await issueCredentials(keys, { name: "operator", role: "operator", account: "CTRL" });
  const connection = await connect({
    servers: [...servers],
    authenticator: credsAuthenticator(new TextEncoder().encode(credentials)),
    inboxPrefix: "_INBOX.operator",
    timeout: 2_000,
    reconnect: false,
  });
  try {
    const manager = await jetstreamManager(connection, { checkAPI: false, timeout: 2_000 });
    const { cluster } = await manager.streams.info(stream);
    if (cluster?.leader === undefined || cluster.leader === "") throw new Error(`${stream} has no leader`);
    return cluster.leader;
  } finally {
    await connection.close();
  }
}
