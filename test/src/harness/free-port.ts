// A port for a server that must come back on the same one. Below the range from which the system takes ports for outgoing
// connections and for servers that want any, so that nobody is given it while its server is down.
import { createServer } from "node:net";

const FIRST = 12_000;
const COUNT = 20_000;
const given = new Set<number>();

/** Never the same twice in one process; another process may still be quicker. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
