// What a connection costs its broker: memory, and CPU while it only pings and is pinged, once a second each way. A program:
//   node --conditions=@malla/source test/src/scale/connections.ts [--connections 4000]
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { issueCredentials } from "@malla/broker-config";
import { startMesh } from "../harness/index.ts";
import { RawClient, readIdentity } from "../harness/raw-client.ts";
import { cpuMs, settledMib } from "./process-cost.ts";

const AT_A_TIME = 50;
const PING_MS = 1_000;
const IDLE_MS = 10_000;
/** As an instance has them: calls, direct calls, frames, routers, policy, its inbox, and what answers `$SRV`. */
const SUBJECTS = [
  "mesh.run.idle.i$.*.*",
  "mesh.direct.idle.i$.*.*",
  "mesh.frames.idle.i$.*.*",
  "mesh.router.*",
  "mesh.policy.live",
  "_INBOX.idle.c$.>",
  "$SRV.PING",
  "$SRV.PING.idle",
  "$SRV.INFO",
  "$SRV.INFO.idle",
  "$SRV.STATS",
  "$SRV.STATS.idle",
];

const { values } = parseArgs({ options: { connections: { type: "string", default: "4000" } } });
const count = Number(values.connections);
// Also opens standard output, which may be a pipe, before the mesh counts what is open.
process.stdout.write(`${count} connections\n`);
const mesh = await startMesh({ routers: 0 });
try {
  const identity = readIdentity(await issueCredentials(mesh.keys, { name: "idle", role: "service" }));
  const aloneMib = await settledMib(mesh.broker.pid);
  const clients: RawClient[] = [];
  const began = cpuMs(mesh.broker.pid);
  while (clients.length < count) {
    const batch = Array.from({ length: Math.min(AT_A_TIME, count - clients.length) }, async (_, i) => {
      const n = String(clients.length + i);
      const client = await RawClient.open(mesh.broker.url, identity);
      for (const subject of SUBJECTS) client.subscribe(subject.replace("$.", `${n}.`));
      return client;
    });
    clients.push(...(await Promise.all(batch)));
  }
  const openedMs = cpuMs(mesh.broker.pid) - began;
  // An answer to a ping that was not asked is taken as one.
  const pinging = setInterval(() => {
    for (const client of clients) client.write("PING\r\nPONG\r\n");
  }, PING_MS);
  await sleep(IDLE_MS);
  const before = cpuMs(mesh.broker.pid);
  await sleep(IDLE_MS);
  const idleMs = cpuMs(mesh.broker.pid) - before;
  const openMib = await settledMib(mesh.broker.pid);
  clearInterval(pinging);
  for (const client of clients) client.destroy();
  const perThousand = 1_000 / count;
  process.stdout.write(
    `${JSON.stringify({
      connections: count,
      brokerAloneMib: Math.round(aloneMib),
      mibPerThousand: Math.round((openMib - aloneMib) * perThousand * 10) / 10,
      openingCpuMsEach: Math.round((openedMs / count) * 100) / 100,
      idleCpuPercentPerThousand: Math.round((idleMs / IDLE_MS) * 100 * perThousand * 100) / 100,
    })}\n`,
  );
} finally {
  await mesh.stop();
}
