// TLS 1.3 in the places where a server speaks it.
import { block, positive, quote } from "./conf-text.ts";
import type { ClientTls, LeafListener, LeafRemote, TlsFiles } from "./options.ts";

/**
 * A handshake costs a server about half a millisecond of a core; beyond this, those who are connected would feel it. Three
 * servers take 10,000 clients within four seconds.
 */
export const DEFAULT_CONNECTIONS_PER_SECOND = 1_000;
const VERSION = 'min_version: "1.3"';

/** For clients. */
export function clientTls(tls: ClientTls): string[] {
  const rate = tls.connectionsPerSecond ?? DEFAULT_CONNECTIONS_PER_SECOND;
  return block("tls", [...listener(tls), `connection_rate_limit: ${positive("connectionsPerSecond", rate)}`]);
}

/** For leaf nodes that dial in: a certificate shows who is at home here, credentials who is at the edge. */
export function leafListenerTls(tls: NonNullable<LeafListener["tls"]>): string[] {
  return block("tls", listener(tls));
}

/** Between servers of one mesh: both ends show a certificate and check the other's. */
export function peerTls(tls: TlsFiles): string[] {
  return block("tls", [...pair(tls.certFile, tls.keyFile), `ca_file: ${quote(tls.caFile)}`, "verify: true", VERSION]);
}

/** From an edge to its hub. */
export function leafRemoteTls({ caFile, certFile, keyFile }: NonNullable<LeafRemote["tls"]>): string[] {
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new Error("a leaf node's certificate needs its key, and the key its certificate");
  const own = certFile === undefined || keyFile === undefined ? [] : pair(certFile, keyFile);
  return block("tls", [...own, `ca_file: ${quote(caFile)}`, VERSION]);
}

function listener({ certFile, keyFile, caFile, verify = false }: Omit<ClientTls, "connectionsPerSecond">): string[] {
  if (verify && caFile === undefined) throw new Error("certificates of clients cannot be verified without a caFile");
  return [
    ...pair(certFile, keyFile),
    ...(caFile === undefined ? [] : [`ca_file: ${quote(caFile)}`]),
    ...(verify ? ["verify: true"] : []),
    VERSION,
  ];
}

function pair(certFile: string, keyFile: string): string[] {
  return [`cert_file: ${quote(certFile)}`, `key_file: ${quote(keyFile)}`];
}
