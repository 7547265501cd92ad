// What can be said about one nats-server.

/** A text that the server takes from its own environment when it reads its configuration, as a pod's name. */
export interface FromEnvironment {
  /** Name of the variable: A-Z, 0-9 and _. */
  readonly environment: string;
}

/** PEM files, as paths on the machine the server runs on. Relative ones count from the server's working folder. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** Who signed the certificates of the other side. */
  readonly caFile: string;
}

/** TLS 1.3 for clients. Whoever speaks less, or none, is refused. */
export interface ClientTls extends Omit<TlsFiles, "caFile"> {
  /** Needed where clients show certificates. */
  readonly caFile?: string;
  /** Clients must show a certificate that `caFile` has signed, beside their credentials. Default: false. */
  readonly verify?: boolean;
  /** New connections a second; those beyond are refused and redial. Default: 500. */
  readonly connectionsPerSecond?: number;
}

export interface ClusterOptions {
  /** The same in every server of the cluster. */
  readonly name: string;
  /** Port for other servers; -1 picks a free one. */
  readonly port: number;
  /** `host:port` of the cluster ports of all servers, this one too, in the same order in every server. */
  readonly routes: readonly string[];
  /** Which of `routes` is this server: of each two then only one dials the other. Default: it dials all. */
  readonly ownRoute?: string;
  /** Default: the host of the server. */
  readonly host?: string;
  /** `host:port` that other servers are told to reach this one at. Default: `ownRoute`, else where it listens. */
  readonly advertise?: string;
  /** TLS 1.3 between the servers; each shows a certificate good for both ends. */
  readonly tls?: TlsFiles;
}

/** A region, as the others know it. */
export interface GatewayRemote {
  /** Name of the other region's gateway. */
  readonly name: string;
  /** `host:port` of the gateway ports of its servers: one is enough to find the rest. */
  readonly addresses: readonly string[];
}

/** Joins clusters of several regions. They share one operator and one set of keys. */
export interface GatewayOptions {
  /** Of this region; the name of its cluster, which the server wants to be the same. */
  readonly name: string;
  /** Port for the servers of other regions; -1 picks a free one. */
  readonly port: number;
  /** Default: the host of the server. */
  readonly host?: string;
  /** `host:port` that servers of other regions are told to reach this one at. Default: where it listens. */
  readonly advertise?: string;
  /** All regions; this one may be among them, so that every region has the same list. Others are refused. */
  readonly remotes: readonly GatewayRemote[];
  /** TLS 1.3 between regions; each server shows a certificate good for both ends. */
  readonly tls?: TlsFiles;
}

/** Takes leaf nodes: servers at an edge, each with credentials of role `leaf`. */
export interface LeafListener {
  /** -1 picks a free one. */
  readonly port: number;
  /** Default: the host of the server. */
  readonly host?: string;
  /** Leaf nodes that may be connected to the whole mesh at a time. Default: 64. */
  readonly maxLeafNodes?: number;
  /** TLS 1.3. With `verify` leaf nodes must show a certificate, beside their credentials. */
  readonly tls?: Omit<ClientTls, "connectionsPerSecond">;
}

/** Makes this server a leaf node of a mesh elsewhere. */
export interface LeafRemote {
  /** `host:port` of the leaf node ports of the hub's servers. */
  readonly addresses: readonly string[];
  /** Path of credentials of role `leaf`, on the machine the server runs on. */
  readonly credentialsFile: string;
  /** TLS 1.3 to the hub: who signed its certificate, and this server's own where the hub wants one. */
  readonly tls?: { readonly caFile: string; readonly certFile?: string; readonly keyFile?: string };
}

/** One server, wherever it runs. */
export interface ServerOptions {
  /** Port for clients, default 4222; -1 picks a free one. */
  readonly port?: number;
  /** Address to listen on. Default: 127.0.0.1. */
  readonly host?: string;
  /** A DNS label, unique in a cluster. Default: `malla`. */
  readonly serverName?: string | FromEnvironment;
  /** `key:value` each, as `zone:a`: streams can be placed by them, and copies kept apart. Default: none. */
  readonly tags?: readonly string[];
  /** Monitoring, off by default; -1 picks a free one. Whoever reaches it sees names and counts, and changes nothing. */
  readonly httpPort?: number;
  /** Default: the host of the server. */
  readonly httpHost?: string;
  /** Where the server writes its process id. Default: nowhere. */
  readonly pidFile?: string;
  /** JetStream on this server. Default: true, and false for a leaf node. */
  readonly jetStream?: boolean;
  /** Disk and memory of JetStream on this server. Default: what the accounts may use together. */
  readonly maxFileStoreBytes?: number;
  readonly maxMemoryStoreBytes?: number;
  readonly tls?: ClientTls;
  readonly cluster?: ClusterOptions;
  readonly gateway?: GatewayOptions;
  readonly leafNodes?: LeafListener;
  readonly leafRemotes?: readonly LeafRemote[];
  /** Of the server this is for. One below the floor gets only the settings it knows. Default: the pinned version. */
  readonly serverVersion?: string;
}
