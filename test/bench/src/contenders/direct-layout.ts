// Those who need nothing in the middle: each callee listens on a port; with sidecars, each process has one before it.
import type { OnTheWay } from "../orders.ts";
import type { Site, Way } from "../site.ts";
import type { Connection } from "../transport.ts";
import { type AppProtocol, startSidecar } from "./envoy-sidecar.ts";

export async function startDirect(site: Site, transport: string, depth: number): Promise<Way> {
  await site.machine.peers();
  const others: OnTheWay[] = [];
  let next: Connection | undefined;
  for (let n = depth; n >= 1; n--) {
    const { program, ready } = await site.callee({ transport, connection: {} }, next);
    others.push({ name: depth === 1 ? "callee" : `callee-${n}`, pid: program.pid });
    next = toPort(Number(ready.port));
  }
  return { caller: await site.caller({ transport, connection: next as Connection }), others };
}

/**
 * The caller's sidecar is called `envoy`, that of the first callee `envoy-1`. A callee in the middle must know its sidecar before it
 * starts and its sidecar it, so that one is two here: one for what comes in, one for what goes out.
 */
export async function startWithSidecars(
  site: Site,
  transport: string,
  protocol: AppProtocol,
  depth: number,
): Promise<Way> {
  await site.machine.peers();
  const others: OnTheWay[] = [];
  let next: Connection | undefined;
  for (let n = depth; n >= 1; n--) {
    const { program, ready } = await site.callee({ transport, connection: {} }, next);
    const inbound = await startSidecar(site, { name: `envoy-${n}`, protocol, appPort: Number(ready.port) });
    const name = n === 1 ? "envoy" : `envoy-${n - 1}-out`;
    const outbound = await startSidecar(site, { name, protocol, nextPort: inbound.inboundPort });
    others.push({ name: depth === 1 ? "callee" : `callee-${n}`, pid: program.pid }, inbound.process, outbound.process);
    next = toPort(outbound.outboundPort);
  }
  return { caller: await site.caller({ transport, connection: next as Connection }), others };
}

function toPort(port: number): Connection {
  return { host: "127.0.0.1", port: String(port) };
}
