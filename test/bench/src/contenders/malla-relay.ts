import type { Contender } from "../contender.ts";
import { startPlainBroker } from "./plain-broker.ts";

const TRANSPORT = "transports/nats-limit";

/** What a router would cost that does nothing but pass on. */
export const mallaRelay: Contender = {
  name: "malla-relay",
  about: "a bare relay on a plain broker: no headers, no policy, no permissions",
  tls: "broker",
  maxPayloadBytes: 1_000_000,
  start: async (site, depth) => {
    const broker = await startPlainBroker(site);
    const others = [broker.process];
    const { program: relay } = await site.program("relay", broker.connection);
    others.push({ name: "router", pid: relay.pid });
    for (let n = depth; n >= 1; n--) {
      const connection = { ...broker.connection, serves: `relay.run.bench-${n}.echo` };
      const next = n === depth ? undefined : { ...broker.connection, subject: `relay.call.bench-${n + 1}.echo` };
      const { program } = await site.callee({ transport: TRANSPORT, connection }, next);
      others.push({ name: depth === 1 ? "callee" : `callee-${n}`, pid: program.pid });
    }
    const connection = { ...broker.connection, subject: "relay.call.bench-1.echo" };
    return { caller: await site.caller({ transport: TRANSPORT, connection }), others };
  },
};
