#!/usr/bin/env node
// The Jobs of the chart: `keys` makes the Secrets of a mesh, `streams` its streams. Both may be run again at any time.
import { setTimeout as sleep } from "node:timers/promises";
import { bootstrapStreams, ensureKeys } from "@malla/broker-config";
import { tlsFilesFrom } from "@malla/sdk/broker";
import { connectKubernetes } from "../kubernetes/client-api.ts";
import { readBootstrapConfig } from "./bootstrap-config.ts";
import { bootstrapKeys } from "./bootstrap-keys.ts";
import { tryUntil } from "./try-until.ts";

/** Servers may be pulling their image when this starts. */
const STREAMS_MS = 5 * 60_000;
const TRY_EVERY_MS = 2_000;
/** One try waits so long for a cluster that has no leader yet, in ms. */
const FORMING_MS = 30_000;
/** From so many servers on a stream has three copies. */
const COPIED_FROM = 3;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function keys(): Promise<void> {
  const config = readBootstrapConfig(process.env["MALLA_BOOTSTRAP"]);
  await bootstrapKeys({ api: connectKubernetes(), config, say });
}

async function streams(): Promise<void> {
  const { nats } = readBootstrapConfig(process.env["MALLA_BOOTSTRAP"]);
  const servers = required("NATS_URL", "where the servers are");
  const known = await ensureKeys(required("MALLA_HOME", "the folder that has the keys in its folder `keys`"), {
    applications: [],
  });
  const replicas = nats.replicas >= COPIED_FROM ? 3 : 1;
  const files = tlsFilesFrom(process.env);
  const tls = files === undefined ? {} : { tls: files };
  say(`making the streams at ${servers}, with ${replicas === 1 ? "one copy" : "three copies"}`);
  await tryUntil(
    async (remainingMs) => {
      const timeoutMs = Math.max(0, Math.min(FORMING_MS, remainingMs));
      await bootstrapStreams({ servers: servers.split(","), keys: known, replicas, timeoutMs, ...tls });
    },
    { giveUpMs: STREAMS_MS, everyMs: TRY_EVERY_MS, nowMs: () => performance.now(), sleep, say },
  );
  say("the streams are as they should be");
}

function required(name: string, what: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") throw new Error(`${name} is not set: it says ${what}`);
  return value;
}

// As the first process of a container no signal ends it by itself.
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => process.exit(1));
const verbs: Readonly<Record<string, () => Promise<void>>> = { keys, streams };
const verb = verbs[process.argv[2] ?? ""];
if (verb === undefined) {
  process.stderr.write("bootstrap: say `keys` or `streams`\n");
  process.exitCode = 2;
} else {
  try {
    await verb();
  } catch (error) {
    process.stderr.write(`bootstrap: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
