// A nats-server without accounts, permissions or streams: the fastest one there is.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../../../src/harness/free-port.ts";
import type { OnTheWay } from "../orders.ts";
import type { Site, Way } from "../site.ts";
import type { Connection } from "../transport.ts";

export interface PlainBroker {
  readonly process: OnTheWay;
  /** How processes reach it. */
  readonly connection: Connection;
}

export async function startPlainBroker(site: Site): Promise<PlainBroker> {
  const { path } = await site.machine.natsServer();
  const port = await freePort();
  const config = join(site.folder, "nats-server.conf");
  const lines = ["host: 127.0.0.1", `port: ${port}`, ...tlsBlock(site)];
  await writeFile(config, `${lines.join("\n")}\n`);
  const pid = await site.native("nats-server", path, ["-c", config], port);
  const connection = { servers: `nats://127.0.0.1:${port}`, tls: site.tls === undefined ? "no" : "yes" };
  return { process: { name: "broker", pid }, connection };
}

/** The lines of a server's configuration that encrypt its connections, if they are to be. */
export function tlsBlock({ tls }: Site): readonly string[] {
  return tls === undefined ? [] : [`tls { cert_file: "${tls.cert}", key_file: "${tls.key}" }`];
}

/** Callees, each but the last calling the next, and a caller of the first; all on one plain broker. */
export async function startOnPlainBroker(site: Site, transport: string, depth: number): Promise<Way> {
  const broker = await startPlainBroker(site);
  const others = [broker.process];
  for (let n = depth; n >= 1; n--) {
    const connection = { ...broker.connection, serves: `bench.${n}` };
    const next = n === depth ? undefined : { ...broker.connection, subject: `bench.${n + 1}` };
    const { program } = await site.callee({ transport, connection }, next);
    others.push({ name: depth === 1 ? "callee" : `callee-${n}`, pid: program.pid });
  }
  const caller = await site.caller({ transport, connection: { ...broker.connection, subject: "bench.1" } });
  return { caller, others };
}
