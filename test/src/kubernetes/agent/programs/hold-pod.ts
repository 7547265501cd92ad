// A pod of one container, without an API server, held until this process is killed.
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContainerProcess } from "../container-process.ts";
import { PodNetwork } from "../pod-network.ts";
import { PodSandbox } from "../pod-sandbox.ts";

const folder = await mkdtemp(join(tmpdir(), "malla-held-"));
const network = await PodNetwork.create();
const pod = { metadata: { name: "held", namespace: "default" }, spec: { containers: [] } };
const sandbox = await PodSandbox.create(pod, folder, network);
await ContainerProcess.start({
  // A process of its own beside the first.
  command: ["sh", "-c", "sleep 600 & sleep 600"],
  environment: {},
  path: "/usr/bin:/bin",
  workingFolder: "/",
  mounts: [],
  readOnlyRoot: true,
  user: 1000,
  group: 1000,
  groups: [],
  rootFolder: join(folder, "root"),
  log: join(folder, "log"),
  sandboxPid: sandbox.pid,
});
process.stdout.write(`${JSON.stringify({ folder, bridge: network.bridge, address: sandbox.address })}\n`);
setInterval(() => undefined, 60_000);
