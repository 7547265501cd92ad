// Whether a server wants a certificate of its clients. In TLS 1.3 a client without one is told so after its handshake, when the NATS
// client listens no more: it sees a server that does not answer in time. What the server says before is not encrypted.
import { once } from "node:events";
import { connect } from "node:net";

const DEFAULT_PORT = 4222;
const PATIENCE_MS = 1_000;
/** No greeting is longer; what is is none. */
const MAX_GREETING_LENGTH = 16 * 1024;

/** False also where it cannot be found out. */
export async function wantsCertificate(server: string): Promise<boolean> {
  const { hostname, port } = new URL(server.includes("://") ? server : `nats://${server}`);
  const socket = connect({ host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? DEFAULT_PORT : Number(port) });
  const patience = AbortSignal.timeout(PATIENCE_MS);
  try {
    let greeting = "";
    while (!greeting.includes("\r\n") && greeting.length < MAX_GREETING_LENGTH)
      greeting += String((await once(socket, "data", { signal: patience }))[0]);
    const [, json = "{}"] = /^INFO (\{.*\})/.exec(greeting) ?? [];
    return (JSON.parse(json) as { tls_verify?: boolean }).tls_verify === true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
