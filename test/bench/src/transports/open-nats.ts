// A connection of the NATS client as whoever knows it would open one for speed.
import { connect, type NatsConnection } from "nats";
import type { Connection } from "../transport.ts";

let opened: Promise<NatsConnection> | undefined;

/** One connection a process, for what it serves and what it calls. */
export async function openNats({ servers, tls }: Connection): Promise<NatsConnection> {
  // Its traces of asynchronous calls cost half of its speed. The authority of a TLS server comes from NODE_EXTRA_CA_CERTS.
  opened ??= connect({ servers: servers as string, noAsyncTraces: true, ...(tls === "yes" ? { tls: {} } : {}) });
  return await opened;
}
