// HTTP by undici's lowest public call: what it hands over is kept, nothing else is done.
import { type Dispatcher, Pool } from "undici";
import { bytesBody, type Client, type Connection, type Done } from "../src/transport.ts";

export { serve } from "../src/transports/http.ts";

export async function connect({ host, port }: Connection): Promise<Client<Uint8Array>> {
  // As many connections as there are calls at a time; none waits for another.
  const pool = new Pool(`http://${host}:${port}`, { connections: null, pipelining: 1, keepAliveTimeout: 600_000 });
  const headers = { "content-type": "application/octet-stream" };
  return {
    body: bytesBody,
    call: (body, done) => void pool.dispatch({ path: "/echo", method: "POST", headers, body }, new Reply(done)),
  };
}

class Reply implements Dispatcher.DispatchHandler {
  readonly #done: Done<Uint8Array>;
  readonly #chunks: Buffer[] = [];
  #status = 0;

  constructor(done: Done<Uint8Array>) {
    this.#done = done;
  }

  onRequestStart(): void {}

  onResponseStart(_controller: unknown, status: number): void {
    this.#status = status;
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (this.#status !== 200) return this.#done(new Error(`HTTP ${this.#status}`));
    this.#done(undefined, this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks));
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#done(error);
  }
}
