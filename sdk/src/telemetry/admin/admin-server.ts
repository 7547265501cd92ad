// A program's HTTP server for operators: metrics and health. Plain functions in, so that it knows nothing of the program.
import { Buffer } from "node:buffer";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { OPENMETRICS_CONTENT_TYPE, TEXT_CONTENT_TYPE, toOpenMetrics } from "../openmetrics.ts";
import { prefers } from "./accepts.ts";
import { type HealthCheck, healthJson, healthText, isWell, livenessChecks } from "./health.ts";

export interface AdminServerOptions {
  /** Address to listen on; `::` and `0.0.0.0` mean every one. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** The metrics in Prometheus's text format. Asked once for scrapes that come at the same time. */
  readonly metrics: () => Promise<string> | string;
  readonly checks: () => readonly HealthCheck[];
  /** Told when `metrics` or `checks` threw. Default: nobody; the client is told that it failed, not why. */
  readonly onError?: ((error: unknown, path: string) => void) | undefined;
  /** What sets host and port, for messages. Default: what sets the router's. */
  readonly settings?: { readonly host: string; readonly port: string } | undefined;
}

const ROUTER_SETTINGS = {
  host: "--metrics-host or MALLA_METRICS_HOST",
  port: "--metrics-port or MALLA_METRICS_PORT",
} as const;

export interface AdminServer {
  readonly port: number;
  /** Stops listening and ends every connection. Resolves when both are done; a second call gives the same. */
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

type Handler = (request: IncomingMessage) => Promise<Answer> | Answer;

const PLAIN = "text/plain; charset=utf-8";
const JSON_TYPE = "application/json";
/** Bounds for clients that are slow or many: a scrape is small and quick. */
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 5_000;
export const MAX_CONNECTIONS = 64;
export const MAX_HEADER_BYTES = 8 * 1024;
/** An answer under way may finish before its connection is cut. */
const CLOSE_GRACE_MS = 500;

/** Starts the server. Rejects with what to do if the port cannot be had. */
export async function createAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const handlers = createHandlers(options);
  const server = createServer(
    { maxHeaderSize: MAX_HEADER_BYTES, connectionsCheckingInterval: 1000 },
    (request, response) => {
      void serve(handlers, request, response, options.onError);
    },
  );
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, options);
  let closed: Promise<void> | undefined;
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      closed ??= closeServer(server);
      return closed;
    },
  };
}

function createHandlers(options: AdminServerOptions): ReadonlyMap<string, Handler> {
  const metrics = sharedWhilePending(options.metrics);
  return new Map<string, Handler>([
    ["/metrics", async (request) => metricsAnswer(request, await metrics())],
    ["/healthz", (request) => healthAnswer(request, livenessChecks(options.checks()))],
    ["/readyz", (request) => healthAnswer(request, options.checks())],
  ]);
}

function sharedWhilePending(metrics: () => Promise<string> | string): () => Promise<string> {
  let pending: Promise<string> | undefined;
  return () => {
    pending ??= Promise.resolve()
      .then(metrics)
      .finally(() => {
        pending = undefined;
      });
    return pending;
  };
}

function metricsAnswer(request: IncomingMessage, text: string): Answer {
  return prefers(request.headers.accept, "application/openmetrics-text", "text/plain")
    ? { status: 200, type: OPENMETRICS_CONTENT_TYPE, body: toOpenMetrics(text) }
    : { status: 200, type: TEXT_CONTENT_TYPE, body: text };
}

function healthAnswer(request: IncomingMessage, checks: readonly HealthCheck[]): Answer {
  const status = isWell(checks) ? 200 : 503;
  return prefers(request.headers.accept, JSON_TYPE, "text/plain")
    ? { status, type: JSON_TYPE, body: healthJson(checks) }
    : { status, type: PLAIN, body: healthText(checks) };
}

async function serve(
  handlers: ReadonlyMap<string, Handler>,
  request: IncomingMessage,
  response: ServerResponse,
  onError: AdminServerOptions["onError"],
): Promise<void> {
  const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
  // Nobody sends a body here; one that comes is read away, so that the connection can be used again.
  request.resume();
  try {
    send(request, response, await answer(handlers, path, request));
  } catch (error) {
    onError?.(error, path);
    send(request, response, { status: 500, type: PLAIN, body: `${path} failed; the log says why\n` });
  }
}

function answer(
  handlers: ReadonlyMap<string, Handler>,
  path: string,
  request: IncomingMessage,
): Promise<Answer> | Answer {
  const handler = handlers.get(path);
  if (handler === undefined)
    return { status: 404, type: PLAIN, body: `not found; there is:\n${[...handlers.keys()].join("\n")}\n` };
  if (request.method !== "GET" && request.method !== "HEAD") {
    return { status: 405, type: PLAIN, body: `${path} takes GET and HEAD\n` };
  }
  return handler(request);
}

function send(request: IncomingMessage, response: ServerResponse, { status, type, body }: Answer): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, {
    "content-type": type,
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    vary: "accept",
    ...(status === 405 ? { allow: "GET, HEAD" } : {}),
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

function listen(server: Server, options: AdminServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) => reject(listenError(error, options));
    server.once("error", onError);
    server.listen(options.port, options.host, () => {
      server.off("error", onError);
      resolve();
    });
  });
}

/** What went wrong, and what to do about it. */
function listenError(
  error: NodeJS.ErrnoException,
  { host, port, settings = ROUTER_SETTINGS }: AdminServerOptions,
): Error {
  const where = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  const choose = `choose another with ${settings.port} (0 takes any free one)`;
  switch (error.code) {
    case "EADDRINUSE":
      return new Error(`metrics port ${where} is taken: ${choose}`, { cause: error });
    case "EACCES":
      return new Error(`metrics port ${where} is not allowed to this user: ${choose}`, { cause: error });
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new Error(`metrics address ${where} is not one of this machine: set ${settings.host}`, { cause: error });
    default:
      return new Error(`metrics port ${where} cannot be opened (${error.code ?? error.message}): ${choose}`, {
        cause: error,
      });
  }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
