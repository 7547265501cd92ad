// Envoys as sidecars: each process of ours has one, through which everything it calls goes out, encrypted, to the one of whom it
// calls, and everything that calls it comes in.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../../../src/harness/free-port.ts";
import type { Certificates } from "../certificates.ts";
import type { OnTheWay } from "../orders.ts";
import type { Site } from "../site.ts";

/** Worker threads of each: as many as this machine has cores for all of them. */
const WORKERS = "2";
const HOST = "127.0.0.1";
/** Envoy's own breakers would refuse calls at a thousand under way. */
const MOST = 1_000_000;
const TIMEOUT = "60s";

/** What our processes speak; between the sidecars it is HTTP/2 with certificates on both sides, as in a mesh. */
export type AppProtocol = "http1" | "http2";

export interface Sidecar {
  readonly process: OnTheWay;
  /** Where other sidecars reach the process behind it; 0: nobody calls it. */
  readonly inboundPort: number;
  /** Where its own process sends what is for the next; 0: it calls nobody. */
  readonly outboundPort: number;
}

export interface SidecarWish {
  readonly name: string;
  readonly protocol: AppProtocol;
  /** Port of the process behind it, if it is called. */
  readonly appPort?: number;
  /** Inbound port of the sidecar of whom it calls. */
  readonly nextPort?: number;
}

/** Rejects with NotHere without Envoy or openssl. */
export async function startSidecar(site: Site, wish: SidecarWish): Promise<Sidecar> {
  const { name, protocol, appPort, nextPort } = wish;
  const [envoy, certificates] = [await site.machine.envoy(), await site.machine.certificates()];
  const inboundPort = appPort === undefined ? 0 : await freePort();
  const outboundPort = nextPort === undefined ? 0 : await freePort();
  const inbound =
    appPort === undefined
      ? undefined
      : {
          listener: listener("inbound", inboundPort, "http2", "app", serverTls(certificates)),
          cluster: cluster("app", appPort, protocol),
        };
  const outbound =
    nextPort === undefined
      ? undefined
      : {
          listener: listener("outbound", outboundPort, protocol, "next"),
          cluster: cluster("next", nextPort, "http2", clientTls(certificates)),
        };
  const sides = [inbound, outbound].filter((side) => side !== undefined);
  const config = {
    static_resources: { listeners: sides.map((side) => side.listener), clusters: sides.map((side) => side.cluster) },
  };
  const path = join(site.folder, `${name}.json`);
  await writeFile(path, JSON.stringify(config));
  const args = ["-c", path, "--concurrency", WORKERS, "--use-dynamic-base-id", "--log-level", "error"];
  const pid = await site.native(name, envoy, args, inboundPort === 0 ? outboundPort : inboundPort);
  return { process: { name, pid }, inboundPort, outboundPort };
}

function address(port: number): object {
  return { socket_address: { address: HOST, port_value: port } };
}

function listener(name: string, port: number, protocol: AppProtocol, to: string, transport_socket?: object): object {
  const manager = {
    "@type": `${TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: name,
    codec_type: protocol === "http2" ? "HTTP2" : "HTTP1",
    generate_request_id: false,
    stream_idle_timeout: TIMEOUT,
    route_config: {
      virtual_hosts: [
        { name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: to, timeout: TIMEOUT } }] },
      ],
    },
    http_filters: [
      {
        name: "envoy.filters.http.router",
        typed_config: { "@type": `${TYPES}.filters.http.router.v3.Router`, dynamic_stats: true },
      },
    ],
  };
  const filters = [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }];
  const chain = { filters, ...(transport_socket === undefined ? {} : { transport_socket }) };
  return { name, address: address(port), filter_chains: [chain] };
}

const TYPES = "type.googleapis.com/envoy.extensions";

function cluster(name: string, port: number, protocol: AppProtocol, transport_socket?: object): object {
  const limits = {
    max_connections: MOST,
    max_pending_requests: MOST,
    max_requests: MOST,
    max_retries: MOST,
  };
  const options = protocol === "http2" ? { http2_protocol_options: {} } : { http_protocol_options: {} };
  return {
    name,
    type: "STATIC",
    connect_timeout: "5s",
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }],
    },
    circuit_breakers: { thresholds: [{ priority: "DEFAULT", ...limits }] },
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": `${TYPES}.upstreams.http.v3.HttpProtocolOptions`,
        explicit_http_config: options,
      },
    },
    ...(transport_socket === undefined ? {} : { transport_socket }),
  };
}

function certificatesOf({ ca, cert, key }: Certificates): object {
  return {
    alpn_protocols: ["h2"],
    tls_certificates: [{ certificate_chain: { filename: cert }, private_key: { filename: key } }],
    validation_context: { trusted_ca: { filename: ca } },
  };
}

function serverTls(certificates: Certificates): object {
  return tlsSocket("DownstreamTlsContext", {
    require_client_certificate: true,
    common_tls_context: certificatesOf(certificates),
  });
}

function clientTls(certificates: Certificates): object {
  return tlsSocket("UpstreamTlsContext", { sni: "localhost", common_tls_context: certificatesOf(certificates) });
}

function tlsSocket(type: string, context: object): object {
  const typed_config = { "@type": `${TYPES}.transport_sockets.tls.v3.${type}`, ...context };
  return { name: "envoy.transport_sockets.tls", typed_config };
}
