import type { Contender } from "../contender.ts";
import type { OnTheWay } from "../orders.ts";

const TRANSPORT = "../peers/http";

export const http: Contender = {
  name: "http",
  about: "HTTP/1.1 with kept connections, node:http and undici, no mesh",
  tls: "never",
  start: async (site, depth) => {
    await site.machine.peers();
    const others: OnTheWay[] = [];
    let next: { url: string } | undefined;
    for (let n = depth; n >= 1; n--) {
      const { program, ready } = await site.callee({ transport: TRANSPORT, connection: {} }, next);
      others.push({ name: depth === 1 ? "callee" : `callee-${n}`, pid: program.pid });
      next = { url: `http://127.0.0.1:${ready.port}` };
    }
    return { caller: await site.caller({ transport: TRANSPORT, connection: next ?? {} }), others };
  },
};
