// What a run has of this machine: a folder, programs of others, certificates, a place where spans go.
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FoundServer, findNatsServer } from "@malla/broker-config";
import { type Certificates, makeCertificates } from "./certificates.ts";
import { findEnvoy } from "./find-envoy.ts";
import { installPeers } from "./install-peers.ts";
import type { KeeperSettings } from "./orders.ts";
import { Program } from "./program.ts";

export interface Machine {
  /** Temporary; gone when the machine is closed. */
  readonly folder: string;
  readonly keeper: Program;
  /** Takes spans and forgets them: what collects them stands elsewhere in production, and is not on the way. */
  readonly otlpUrl: string;
  natsServer(): Promise<FoundServer>;
  /** Path of the program. Rejects with NotHere. */
  envoy(): Promise<string>;
  /** Resolves when they can be imported. Rejects with NotHere. */
  peers(): Promise<void>;
  /** Rejects with NotHere. */
  certificates(): Promise<Certificates>;
  close(): Promise<void>;
}

export async function openMachine(say: (line: string) => void): Promise<Machine> {
  const folder = await mkdtemp(join(tmpdir(), "malla-bench-"));
  const { program: keeper } = await Program.start("keeper", { folder } satisfies KeeperSettings);
  const sink = createServer((request, response) => {
    request.resume().on("end", () => response.writeHead(200, { "content-type": "application/json" }).end("{}"));
  });
  await new Promise<void>((resolve) => sink.listen(0, "127.0.0.1", resolve));
  return {
    folder,
    keeper,
    otlpUrl: `http://127.0.0.1:${(sink.address() as AddressInfo).port}`,
    natsServer: once(async () => await findNatsServer({ progress: say })),
    envoy: once(async () => await findEnvoy(say)),
    peers: once(async () => await installPeers(say)),
    certificates: once(async () => await makeCertificates(folder)),
    close: async () => {
      await keeper.stop();
      sink.closeAllConnections();
      sink.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Done at the first asking; whoever asks again gets the same answer, or the same refusal. */
function once<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined;
  return async () => {
    made ??= make();
    return await made;
  };
}
