// What 10,000 clients that come at once cost honest callers where connections are encrypted: there the server takes so many a second
// (`connection_rate_limit`) and tells the others to come later, which without TLS it cannot.
//
//   npx node --conditions=@malla/source test/src/abuse/measure-tls.ts [--rounds 3] [--rate 500]
//
// Who honest callers are, the windows and the control are those of measure.ts. Needs openssl. The last line is JSON.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
  bootstrapStreams,
  ensureKeys,
  findNatsServer,
  startNatsServer,
  writeCredentials,
  writeRouterSigner,
  writeServerConfig,
} from "@malla/broker-config";
import { makeCertificates } from "../harness/certificates.ts";
import { freePort } from "../harness/free-port.ts";
import { startProgram } from "../harness/index.ts";
import type { Attacker } from "./abuse.ts";
import { connectAtOnce, connectionCount } from "./broker-abuses.ts";
import { LineProcess } from "./line-process.ts";
import { line, measure, measureOne, type Parts, pressure, takeSides } from "./measure-abuse.ts";

const ROUTER = fileURLToPath(new URL("../../../router/dist/main.js", import.meta.url));
const WARM_UP_MS = 4_000;

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "3" }, rate: { type: "string" } },
});
const options = {
  windowMs: 3_000,
  rounds: Number(values.rounds),
  pauseMs: 250,
  times: 1,
  rate: undefined,
  pinned: false,
};
process.stdout.write(`honest p99 beside clients that come at once, with TLS; ${await pressure()}\n`);

const folder = await mkdtemp(join(tmpdir(), "malla-abuse-"));
const stops: (() => Promise<unknown>)[] = [async () => rm(folder, { recursive: true, force: true })];
try {
  const home = join(folder, ".malla");
  const keys = await ensureKeys(home);
  const { caFile, certFile, keyFile } = await makeCertificates(folder);
  const binary = await findNatsServer({ progress: (text) => process.stderr.write(`${text}\n`) });
  const server = { port: await freePort(), httpPort: -1, keys, serverVersion: binary.version };
  // The streams are made before, by a client that knows no authority.
  const first = await startNatsServer({ binary: binary.path, configPath: await writeServerConfig(home, server) });
  await bootstrapStreams({ servers: first.url, keys });
  await first.stop();
  const tls = {
    certFile,
    keyFile,
    ...(values.rate === undefined ? {} : { connectionsPerSecond: Number(values.rate) }),
  };
  const configPath = await writeServerConfig(home, { ...server, tls });
  const broker = await startNatsServer({ binary: binary.path, configPath });
  stops.unshift(async () => broker.stop());
  const environment = { NATS_URL: broker.url, NATS_CA: caFile };
  const router = await startProgram<{ router: string }>(
    ROUTER,
    {
      ...environment,
      MALLA_ROUTER_SIGNER: await writeRouterSigner(home, keys),
      MALLA_METRICS_PORT: "0",
      MALLA_LOG_LEVEL: "warn",
      MALLA_READY_LINE: "1",
      MALLA_PARENT_STDIN: "1",
    },
    { built: true },
  );
  stops.unshift(async () => router.end("SIGTERM"));
  const honest = new LineProcess("honest-process", {
    ...environment,
    NATS_CREDS: await writeCredentials(home, { name: "calm", role: "service" }, keys),
    MALLA_SERVICE: "calm",
  });
  const spinner = new LineProcess("spin-process");
  stops.unshift(async () => Promise.all([honest.stop(), spinner.stop()]));
  await Promise.all([honest.hear(), spinner.hear()]);
  const parts: Parts = {
    honest,
    spinner,
    pids: { attacker: process.pid, router: router.pid, broker: broker.pid, honest: honest.pid },
  };
  await takeSides(parts, options.pinned);
  await measure(parts, async () => void (await sleep(WARM_UP_MS)));
  const guest = await writeCredentials(home, { name: "guest", role: "guest" }, keys);
  const ca = await readFile(caFile, "utf8");
  const attacker: Attacker = {
    attack: async () => await connectAtOnce(broker.url, guest, await connectionCount(), ca),
  };
  const row = await measureOne(parts, "10,000 clients that come at once, with TLS", attacker, undefined, options);
  process.stdout.write(`${line(row)}${JSON.stringify([row])}\n`);
} finally {
  for (const stop of stops) await stop();
}
