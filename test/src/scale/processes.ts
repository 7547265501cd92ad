// Memory, announcements and a change of policy, in real processes: a router that knows ten thousand instances, a service with and
// without the SDK.
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { writeRouterSigner } from "@malla/broker-config";
import { ANNOUNCE_INTERVAL_MS } from "@malla/sdk/discovery";
import { type ChildProgram, eventually, startProgram, type TestMesh } from "../harness/index.ts";
import { Crowd } from "./crowd.ts";
import { cpuMs, settledMib } from "./process-cost.ts";
import { type Reload, watchReload } from "./reload.ts";
import type { Size } from "./world.ts";

/** As `malla up` starts routers. */
const ROUTER_FLAGS = ["--max-semi-space-size=4"];
const WATCH_MS = 20_000;

export interface RouterCost {
  readonly aloneMib: number;
  /** With all instances announcing themselves. */
  readonly knowingMib: number;
  /** And ten thousand rules in force. */
  readonly rulingMib: number;
  /** CPU of the whole process for one announcement, from the socket to the registry, in microseconds. */
  readonly microsPerAnnouncement: number;
  readonly reload: Reload;
}

export async function measureRouter(mesh: TestMesh, size: Size): Promise<RouterCost> {
  const router = await startProgram<{ metricsPort: number }>(
    builtFile("router/dist/main.js"),
    {
      NATS_URL: mesh.url,
      MALLA_ROUTER_SIGNER: await writeRouterSigner(mesh.home, mesh.keys),
      MALLA_METRICS_PORT: "0",
      MALLA_LOG_LEVEL: "warn",
      MALLA_READY_LINE: "1",
      MALLA_PARENT_STDIN: "1",
    },
    { built: true, flags: ROUTER_FLAGS },
  );
  let crowd: Crowd | undefined;
  try {
    const aloneMib = await settledMib(router.pid);
    const idle = await cpuIn(router.pid, WATCH_MS / 4);
    crowd = await Crowd.join(mesh.url, mesh.keys, size);
    crowd.start();
    await sleep(ANNOUNCE_INTERVAL_MS * 3);
    const said = crowd.said;
    const busy = await cpuIn(router.pid, WATCH_MS);
    const microsPerAnnouncement = ((busy - idle * 4) * 1_000) / (crowd.said - said);
    const knowingMib = await settledMib(router.pid);
    const reload = await watchReload(mesh, router.ready.metricsPort);
    return { aloneMib, knowingMib, rulingMib: await settledMib(router.pid), microsPerAnnouncement, reload };
  } finally {
    await crowd?.leave();
    await router.end("SIGTERM");
  }
}

async function cpuIn(pid: number, ms: number): Promise<number> {
  const before = cpuMs(pid);
  await sleep(ms);
  return cpuMs(pid) - before;
}

export interface ServiceCost {
  readonly bareMib: number;
  readonly meshMib: number;
}

export async function measureService(mesh: TestMesh): Promise<ServiceCost> {
  const programs: ChildProgram<unknown>[] = [];
  const start = async (program: string, name: string): Promise<number> => {
    const environment = { NATS_URL: mesh.url, NATS_CREDS: await mesh.credentials(name), MALLA_SERVICE: name };
    const child = await startProgram(builtFile(`test/dist/scale/programs/${program}.js`), environment, { built: true });
    programs.push(child);
    return child.pid;
  };
  try {
    const bare = await start("bare-client", "bare");
    const service = await start("mesh-service", "shop");
    return { bareMib: await settledMib(bare), meshMib: await settledMib(service) };
  } finally {
    for (const program of programs) await program.end("SIGKILL");
    await eventually(async () => {
      const left = await mesh.broker.connections();
      if (left.length > 0) throw new Error(`connections left: ${left.join(", ")}`);
    });
  }
}

function builtFile(path: string): string {
  return fileURLToPath(new URL(`../../../${path}`, import.meta.url));
}
