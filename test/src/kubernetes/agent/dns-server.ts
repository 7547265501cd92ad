// The cluster's DNS: answers pods on port 53 of the bridge.
import { createSocket, type Socket } from "node:dgram";
import { decodeQuestion, encodeAnswer } from "./dns-message.ts";

const PORT = 53;
/** As short as the field's: a pod that went is not asked again for long. */
const TTL_SECONDS = 5;

export class DnsServer {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** `find`: addresses of a full name, undefined if there is no such name. Rotated, so that pods share the load. */
  static async start(address: string, find: (name: string) => readonly string[] | undefined): Promise<DnsServer> {
    const socket = createSocket("udp4");
    let turn = 0;
    socket.on("message", (message, { address: host, port }) => {
      const question = decodeQuestion(message);
      if (question === undefined) return;
      const addresses = find(question.name);
      turn++;
      const rotated = addresses?.map((_, index) => addresses[(index + turn) % addresses.length] as string);
      socket.send(encodeAnswer(question, rotated, TTL_SECONDS), port, host);
    });
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(PORT, address, resolve);
    });
    // A pod that went before its answer came is no failure of the server.
    socket.removeAllListeners("error").on("error", () => undefined);
    return new DnsServer(socket);
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }
}
