// A NATS client down to the bytes: for what a client library does not let one do, such as never reading, or a thousand times.
import { Buffer } from "node:buffer";
import { createPrivateKey, type KeyObject, sign } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { readCredentials } from "@malla/sdk/contract";

/** Of what the server said, so much is kept, in characters. */
const KEPT_CHARS = 4_096;
/** PKCS #8 around the 32 bytes of an Ed25519 seed (RFC 8410). */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** What is needed to prove who one is; read once for many clients. */
export interface RawIdentity {
  readonly jwt: string;
  readonly key: KeyObject;
}

/** From the text of a `.creds` file. */
export function readIdentity(credentials: string): RawIdentity {
  const { jwt, seed } = readCredentials(credentials);
  // Two bytes of kind, thirty-two of seed, two of checksum.
  const raw = decodeBase32(seed.reveal()).subarray(2, 34);
  return { jwt, key: createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, raw]), format: "der", type: "pkcs8" }) };
}

function decodeBase32(text: string): Buffer {
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const letter of text) {
    held = ((held << 5) | BASE32.indexOf(letter)) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >> bits) & 0xff);
  }
  return Buffer.from(bytes);
}

export class RawClient {
  /** What the server said last, messages and all. */
  heard = "";
  /** How much it has said in all, in bytes. */
  heardBytes = 0;
  /** Resolves when the connection has ended, by whomever. */
  readonly closed: Promise<void>;
  #socket: Socket;
  #hasEnded = false;
  #onHeard: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        this.#hasEnded = true;
        this.#onHeard();
        resolve();
      });
    });
    this.#hear(socket);
  }

  #hear(socket: Socket): void {
    // A reset is an end like another.
    socket.on("error", () => undefined);
    socket.on("data", (bytes: Buffer) => {
      this.heard = (this.heard + bytes.toString("latin1")).slice(-KEPT_CHARS);
      this.heardBytes += bytes.length;
      this.#onHeard();
    });
  }

  /** After the server's greeting: from now on all is encrypted. Resolves when that is so; rejects if the connection ends before. */
  async #encrypt(ca: string): Promise<void> {
    this.#socket.removeAllListeners("data");
    const socket = connectTls({ socket: this.#socket, ca, servername: "localhost" });
    this.#socket = socket;
    this.#hear(socket);
    await Promise.race([
      once(socket, "secureConnect"),
      this.closed.then(() => Promise.reject(new Error("the server ended the handshake"))),
    ]);
  }

  /** Opens a TCP connection and says nothing. Rejects if nobody takes it. */
  static async dial(server: string): Promise<RawClient> {
    const { hostname, port } = new URL(server);
    const socket = connect({ host: hostname, port: Number(port) });
    const client = new RawClient(socket);
    await Promise.race([once(socket, "connect"), client.closed.then(() => Promise.reject(new Error("refused")))]);
    return client;
  }

  /** Opens one and proves who it is, encrypted where an authority is given, as PEM. Rejects if the server does not want it. */
  static async open(server: string, identity: RawIdentity, ca?: string): Promise<RawClient> {
    const client = await RawClient.dial(server);
    const info = JSON.parse((await client.hears(/INFO (\{.*\}) *\r\n/))[1] as string) as { nonce: string };
    if (ca !== undefined) await client.#encrypt(ca);
    const sig = sign(undefined, Buffer.from(info.nonce), identity.key).toString("base64url");
    const options = { verbose: false, pedantic: false, headers: true, no_responders: true, protocol: 1 };
    client.write(
      `CONNECT ${JSON.stringify({ ...options, lang: "raw", version: "1", jwt: identity.jwt, sig })}\r\nPING\r\n`,
    );
    await client.hears(/PONG\r\n/);
    return client;
  }

  /** Resolves when the server has said this; rejects if the connection ends before. One at a time. */
  async hears(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.heard);
      if (found !== null) return found;
      if (this.#hasEnded) throw new Error(`the connection ended; the server said ${JSON.stringify(this.heard)}`);
      await new Promise<void>((resolve) => {
        this.#onHeard = resolve;
      });
    }
  }

  /** Resolves when the server has said so much in all; rejects if the connection ends before. */
  async hearsBytes(bytes: number): Promise<void> {
    while (this.heardBytes < bytes) {
      if (this.#hasEnded) throw new Error(`the connection ended after ${this.heardBytes} bytes`);
      await new Promise<void>((resolve) => {
        this.#onHeard = resolve;
      });
    }
  }

  write(bytes: string | Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  publish(subject: string, payload: Uint8Array, reply = ""): void {
    this.write(`PUB ${subject} ${reply} ${payload.length}\r\n`);
    this.write(payload);
    this.write("\r\n");
  }

  subscribe(subject: string): void {
    this.write(`SUB ${subject} 1\r\n`);
  }

  /** Reads nothing from now on, so that what is sent piles up at the server. */
  stopReading(): void {
    this.#socket.pause();
  }

  /** Ends at once. */
  destroy(): void {
    this.#socket.destroy();
  }
}
