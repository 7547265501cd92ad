// A mesh as it ships: a broker in operator mode with every grant, a router in a process of its own, and the whole of policy.
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  bootstrapStreams,
  ensureKeys,
  type Keys,
  writeCredentials,
  writeRouterSigner,
  writeServerConfig,
} from "@malla/broker-config";
import type { CredentialRole } from "@malla/sdk/contract";
import { startProgram } from "../../../src/harness/child-program.ts";
import { freePort } from "../../../src/harness/free-port.ts";
import { PolicyDesk } from "../../../src/harness/policy-desk.ts";
import { benchPolicy } from "../bench-policy.ts";
import type { OnTheWay } from "../orders.ts";
import { endProcess, type Site, type Way } from "../site.ts";
import type { Connection } from "../transport.ts";
import { tlsBlock } from "./plain-broker.ts";

const TRANSPORT = "transports/malla";
const CALLER = "bench-caller";
const ROUTER = fileURLToPath(new URL("../../../../router/dist/main.js", import.meta.url));

export interface MeshWayOptions {
  readonly depth: number;
  readonly role: CredentialRole;
}

export interface MeshWay extends Way {
  /** Of its router. */
  readonly metricsPort: number;
}

/** Services `bench-1` to `bench-<depth>`, each but the last calling the next, and who calls the first. */
export async function startMeshWay(site: Site, { depth, role }: MeshWayOptions): Promise<MeshWay> {
  const home = join(site.folder, ".malla");
  const keys = await ensureKeys(home);
  const services = Array.from({ length: depth }, (_, i) => `bench-${i + 1}`);
  const callers = [CALLER, ...services];
  const { url, process } = await startBroker(site, home, keys, benchPolicy(services, callers));
  const router = await startRouter(site, url, await writeRouterSigner(home, keys));
  const others = [process, { name: "router", pid: router.pid }];
  // A router's own default; the SDK's is every trace.
  const environment = {
    OTEL_EXPORTER_OTLP_ENDPOINT: site.machine.otlpUrl,
    OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
    OTEL_TRACES_SAMPLER_ARG: "0.01",
  };
  const connection = async (principal: string, target: string | undefined): Promise<Connection> => {
    const targets = target === undefined || role !== "direct" ? {} : { directTo: [target] };
    const credentials = await writeCredentials(home, { name: principal, role, ...targets }, keys);
    return { servers: url, credentials, service: principal, ...(target === undefined ? {} : { target }) };
  };
  for (let n = depth; n >= 1; n--) {
    const own = await connection(`bench-${n}`, n === depth ? undefined : `bench-${n + 1}`);
    const { program } = await site.callee(
      { transport: TRANSPORT, connection: own },
      n === depth ? undefined : own,
      environment,
    );
    others.push({ name: depth === 1 ? "callee" : `callee-${n}`, pid: program.pid });
  }
  const caller = await site.caller(
    { transport: TRANSPORT, connection: await connection(CALLER, "bench-1") },
    environment,
  );
  return { caller, others, metricsPort: router.metricsPort };
}

/** Streams and policy are written over a connection in the clear, before the broker is given its certificate. */
async function startBroker(
  site: Site,
  home: string,
  keys: Keys,
  policy: string,
): Promise<{ readonly url: string; readonly process: OnTheWay }> {
  const { path, version } = await site.machine.natsServer();
  const port = await freePort();
  const config = await writeServerConfig(home, { port, keys, serverVersion: version });
  const url = `nats://127.0.0.1:${port}`;
  const start = async (): Promise<number> => await site.native("nats-server", path, ["-c", config], port);
  let pid = await start();
  await bootstrapStreams({ servers: url, keys });
  const desk = await PolicyDesk.open(url, keys);
  try {
    await desk.apply(policy);
  } finally {
    await desk.close();
  }
  if (site.tls !== undefined) {
    await endProcess(pid);
    await appendFile(config, `${tlsBlock(site).join("\n")}\n`);
    pid = await start();
  }
  return { url, process: { name: "broker", pid } };
}

async function startRouter(site: Site, url: string, signer: string): Promise<{ pid: number; metricsPort: number }> {
  const router = await startProgram<{ metricsPort: number }>(
    ROUTER,
    {
      NATS_URL: url,
      MALLA_ROUTER_SIGNER: signer,
      MALLA_METRICS_PORT: "0",
      MALLA_LOG_LEVEL: "warn",
      MALLA_READY_LINE: "1",
      MALLA_PARENT_STDIN: "1",
      OTEL_EXPORTER_OTLP_ENDPOINT: site.machine.otlpUrl,
      ...site.environment,
    },
    { built: true },
  );
  site.defer(async () => await router.end("SIGTERM"));
  return { pid: router.pid, metricsPort: router.ready.metricsPort };
}
