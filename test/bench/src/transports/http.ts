// HTTP as a Node service would speak it to another, by what Node brings along.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Connection, Handler } from "../transport.ts";

const HOST = "127.0.0.1";

/** A server that keeps connections. The caller's side is undici, see `peers/http.ts`. */
export async function serve(_connection: Connection, handler: Handler<Uint8Array>): Promise<Connection> {
  const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => void chunks.push(chunk));
    request.on("end", () => {
      const body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
      const answer = (bytes: Uint8Array): void => {
        response.writeHead(200, { "content-type": "application/octet-stream", "content-length": bytes.length });
        response.end(bytes);
      };
      const reply = handler(body);
      if (reply instanceof Promise) void reply.then(answer);
      else answer(reply);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  return { port: String((server.address() as AddressInfo).port) };
}
