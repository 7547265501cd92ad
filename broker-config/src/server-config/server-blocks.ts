// How a server meets other servers: as one of a cluster, as one of a region, as a hub of leaf nodes or as one of them.
import type { Secret } from "@malla/sdk/contract";
import { address, block, port, quote } from "./conf-text.ts";
import type { ClusterOptions, GatewayOptions, LeafListener, LeafRemote } from "./options.ts";
import { routeUrls } from "./route-urls.ts";
import { leafListenerTls, leafRemoteTls, peerTls } from "./tls-block.ts";

/** What a block needs that is not its own. */
export interface BlockFacts {
  /** Where the server listens. */
  readonly host: string;
  /** Text that includes the settings of the block, empty for a server that would not know them. */
  readonly settings: readonly string[];
  /** What servers of one mesh prove themselves with. */
  readonly password: Secret;
}

/** `dedicated`: accounts whose messages get connections of their own, so that they never wait behind copies of streams. */
export function clusterBlock(cluster: ClusterOptions, dedicated: readonly string[], facts: BlockFacts): string[] {
  // Gossip would name it by its IP; with a certificate that has names alone, who hears of it would dial in vain without end.
  const { name, tls, ownRoute, advertise = ownRoute } = cluster;
  const password = facts.password.reveal();
  return block("cluster", [
    ...facts.settings,
    `name: ${quote(name)}`,
    ...listen(cluster, facts),
    ...(advertise === undefined ? [] : [`advertise: ${quote(advertise)}`]),
    ...(dedicated.length === 0 ? [] : [`accounts: [${dedicated.map(quote).join(", ")}]`]),
    `authorization { user: "route", password: ${quote(password)} }`,
    ...(tls === undefined ? [] : peerTls(tls)),
    `routes: [${routeUrls(cluster, password).map(quote).join(", ")}]`,
  ]);
}

export function gatewayBlock(gateway: GatewayOptions, facts: BlockFacts): string[] {
  const { name, advertise, tls, remotes } = gateway;
  const password = facts.password.reveal();
  const url = (at: string): string => quote(`nats://gateway:${password}@${address(at)}`);
  return block("gateway", [
    ...facts.settings,
    `name: ${quote(name)}`,
    ...listen(gateway, facts),
    ...(advertise === undefined ? [] : [`advertise: ${quote(advertise)}`]),
    // Whoever knows the password and gives another name is no region of this mesh.
    "reject_unknown_cluster: true",
    `authorization { user: "gateway", password: ${quote(password)} }`,
    ...(tls === undefined ? [] : peerTls(tls)),
    "gateways: [",
    ...remotes.map((remote) => `  { name: ${quote(remote.name)}, urls: [${remote.addresses.map(url).join(", ")}] }`),
    "]",
  ]);
}

/** `account`: public key of the account that leaf nodes join, MESH. */
export function leafBlock(
  listener: LeafListener | undefined,
  remotes: readonly LeafRemote[],
  account: string,
  facts: Omit<BlockFacts, "password">,
): string[] {
  if (listener === undefined && remotes.length === 0) return [];
  return block("leafnodes", [
    ...facts.settings,
    ...(listener === undefined ? [] : listen(listener, facts)),
    ...(listener?.tls === undefined ? [] : leafListenerTls(listener.tls)),
    ...(remotes.length === 0 ? [] : ["remotes: [", ...remotes.flatMap((remote) => remoteLines(remote, account)), "]"]),
  ]);
}

function remoteLines({ addresses, credentialsFile, tls }: LeafRemote, account: string): string[] {
  const scheme = tls === undefined ? "nats" : "tls";
  return [
    "{",
    `  urls: [${addresses.map((at) => quote(`${scheme}://${address(at)}`)).join(", ")}]`,
    `  account: ${quote(account)}`,
    `  credentials: ${quote(credentialsFile)}`,
    ...(tls === undefined ? [] : leafRemoteTls(tls)).map((line) => `  ${line}`),
    "}",
  ];
}

function listen(listener: { readonly host?: string; readonly port: number }, { host }: { host: string }): string[] {
  return [`host: ${quote(listener.host ?? host)}`, `port: ${port(listener.port)}`];
}
