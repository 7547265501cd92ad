// A NATS client of a dozen lines, for what no library does: it can stop reading while its connection stays open.
import { readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { fromSeed } from "@nats-io/nkeys";

export class RawSocket {
  readonly #socket: Socket;
  #ended = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("close", () => {
      this.#ended = true;
    });
    // The broker may cut it off, which is what is tested.
    socket.on("error", () => undefined);
  }

  /** Connects with a `.creds` file. Resolves when the broker has taken it. */
  static async open(url: string, credentialsPath: string): Promise<RawSocket> {
    const { hostname, port } = new URL(url);
    const credentials = await readFile(credentialsPath, "utf8");
    const jwt = /BEGIN NATS USER JWT-+\s+(\S+)/.exec(credentials)?.[1] ?? "";
    const seed = /BEGIN USER NKEY SEED-+\s+(\S+)/.exec(credentials)?.[1] ?? "";
    const raw = new RawSocket(connect(Number(port), hostname));
    const { nonce } = JSON.parse((await raw.#until("INFO ")).slice(5)) as { nonce: string };
    const sig = Buffer.from(fromSeed(Buffer.from(seed)).sign(Buffer.from(nonce))).toString("base64url");
    const options = {
      verbose: false,
      pedantic: false,
      headers: true,
      no_responders: true,
      lang: "raw",
      version: "1",
      jwt,
      sig,
    };
    raw.send(`CONNECT ${JSON.stringify({ ...options, protocol: 1 })}\r\nPING\r\n`);
    await raw.#until("PONG");
    return raw;
  }

  /** Whether the connection has ended, by whomever. */
  get ended(): boolean {
    return this.#ended;
  }

  send(text: string): void {
    this.#socket.write(text);
  }

  /** Reads no more: what comes waits in buffers, at the broker in the end. */
  stopReading(): void {
    this.#socket.removeAllListeners("data");
    this.#socket.pause();
  }

  close(): void {
    this.#socket.destroy();
  }

  async #until(start: string): Promise<string> {
    return await new Promise((resolve, reject) => {
      let text = "";
      const onData = (chunk: Buffer): void => {
        text += chunk.toString("latin1");
        const line = text.split("\r\n").find((one) => one.startsWith(start));
        if (line === undefined) return;
        this.#socket.off("data", onData);
        resolve(line);
      };
      this.#socket.on("data", onData);
      this.#socket.once("close", () => reject(new Error(`the broker ended the connection: ${text}`)));
    });
  }
}
