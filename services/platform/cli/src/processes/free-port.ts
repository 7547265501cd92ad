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
 * A port that is free now. Used for what must come back on the same port after it died, where "any" would be another one
 * each time.
 */
export async function anyFreePort(): Promise<number> {
  const server = createServer();
  return await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, HOST, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

/**
 * The ports of `count` listeners: `first` as it is, since a port that was asked for and is taken must be said so; each next
 * one after it, or any free one where that is taken. `first` 0: all of them any free ones.
 */
export async function choosePorts(first: number, count: number): Promise<readonly number[]> {
  const chosen: number[] = [];
  for (let i = 0; i < count; i++) {
    const wanted = first === 0 ? 0 : first + i;
    const usable = i === 0 ? wanted !== 0 : wanted !== 0 && wanted <= 65_535 && (await isFree(wanted));
    chosen.push(usable ? wanted : await anyFreePort());
  }
  return chosen;
}
