// What a server is told whatever the values say, as a digest in the chart: an image that tells servers something else must
// restart them, and the chart's own values do not change with it.
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ACCOUNTS_CONF, ensureKeys } from "@malla/broker-config";
import { serverFiles } from "@malla/operator";
import { CHART_FOLDER } from "./chart.ts";

export const SETTINGS_DIGEST = `${CHART_FOLDER}/server-settings.sha256`;

const CONFIG: Parameters<typeof serverFiles>[1] = {
  release: "malla",
  namespace: "mesh",
  applications: [],
  nats: {
    replicas: 3,
    headlessService: "malla-nats-headless",
    clusterDomain: "cluster.local",
    tls: true,
    maxFileStoreBytes: 2 ** 32,
    maxMemoryStoreBytes: 2 ** 28,
    gateways: [{ name: "eu", addresses: ["nats.eu.example:7222"] }],
    leafnodes: true,
  },
};

/** Of everything but accounts, which a running server takes, and comments. The same for all keys. */
export async function settingsDigest(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), "malla-settings-"));
  try {
    const keys = await ensureKeys(home, { applications: [] });
    const files = await serverFiles(keys, CONFIG, undefined);
    const secrets = [keys.routePassword.reveal(), keys.gatewayPassword.reveal()];
    const texts = [...files]
      .filter(([name]) => name !== ACCOUNTS_CONF)
      .map(([name, text]) => `${name}\n${plain(text)}`);
    const told = secrets.reduce((all, secret) => all.replaceAll(secret, "secret"), texts.sort().join("\n"));
    return `${createHash("sha256").update(told).digest("hex")}\n`;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

function plain(text: string): string {
  const lines = text.split("\n").filter((line) => !/^\s*(#|$)/.test(line));
  return lines.join("\n").replace(/\b[A-Z][A-Z2-7]{55}\b/g, "key");
}
