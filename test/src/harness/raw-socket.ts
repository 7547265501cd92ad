// A TCP connection that has said who it is in NATS's own protocol, and from then on does what no client library would.
import { connect, type Socket } from "node:net";
import { fromSeed } from "@nats-io/nkeys";

const HANDSHAKE_MS = 5_000;

/** Connects with the text of a `.creds` file. Rejects with the server's own words if it refuses. */
export async function openRawSocket(port: number, credentials: string): Promise<Socket> {
  const jwt = /-----BEGIN NATS USER JWT-----\s+(\S+)/.exec(credentials)?.[1];
  const seed = /-----BEGIN USER NKEY SEED-----\s+(\S+)/.exec(credentials)?.[1];
  if (jwt === undefined || seed === undefined) throw new Error("these are no credentials");
  const socket = connect({ port, host: "127.0.0.1", timeout: HANDSHAKE_MS });
  try {
    const info = JSON.parse((await nextLine(socket)).slice("INFO ".length)) as { nonce: string };
    const signature = fromSeed(new TextEncoder().encode(seed)).sign(new TextEncoder().encode(info.nonce));
    const hello = {
      jwt,
      sig: Buffer.from(signature).toString("base64url"),
      verbose: false,
      headers: true,
      protocol: 1,
    };
    socket.write(`CONNECT ${JSON.stringify(hello)}\r\nPING\r\n`);
    const answer = await nextLine(socket);
    if (!answer.startsWith("PONG")) throw new Error(answer.trim());
  } catch (error) {
    socket.destroy();
    throw error;
  }
  socket.setTimeout(0);
  return socket.on("error", () => undefined);
}

async function nextLine(socket: Socket): Promise<string> {
  return await new Promise<string>((resolve, reject) => {
    const fail = (error?: Error): void => reject(error ?? new Error("the server closed the connection"));
    socket.once("data", (data: Buffer) => {
      socket.off("error", fail).off("close", fail);
      resolve(data.toString("latin1"));
    });
    socket.once("error", fail).once("close", fail);
    socket.once("timeout", () => fail(new Error(`the server said nothing within ${HANDSHAKE_MS} ms`)));
  });
}
