// Ports of this machine that nobody listens on.
import { createServer } from "node:net";

const HOST = "127.0.0.1";

/** Whether a server could listen there now. */
export async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, HOST, () => server.close(() => resolve(true)));
  });
}

/**
 * Ports for `count` listeners. The first is as asked for, since a port somebody wants and cannot have must be said so; each
 * next one is the one after, or 0, any free one, where that is taken. All are 0 if the first is.
 */
export async function choosePorts(first: number, count: number): Promise<readonly number[]> {
  const chosen = [first];
  for (let i = 1; i < count; i++) {
    const wanted = first + i;
    chosen.push(first !== 0 && wanted <= 65_535 && (await isFree(wanted)) ? wanted : 0);
  }
  return chosen;
}
