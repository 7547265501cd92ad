// All files of the servers in the StatefulSet, in one folder that every pod has.
import { ACCOUNTS_CONF, type Keys, SERVER_CONF, serverConfigFiles } from "@malla/broker-config";
import type { BootstrapConfig } from "./bootstrap-config.ts";
import { podNames, serverOptions } from "./server-options.ts";

/**
 * File name → text. A server alone starts with `nats-server.conf`, one of several with `<its pod>.conf`, which says whom it dials.
 * `nats-server.conf`, which dials all, is there for these too: pods of a release before that have it, and so has a rollback to one.
 * `earlierAccounts`: as `serverConfigFiles` takes it.
 */
export async function serverFiles(
  keys: Keys,
  config: BootstrapConfig,
  earlierAccounts: string | undefined,
): Promise<ReadonlyMap<string, string>> {
  const options = serverOptions(config);
  const earlier = earlierAccounts === undefined ? {} : { earlierAccounts };
  const files = new Map(await serverConfigFiles(keys, { ...options, ...earlier }));
  const { cluster } = options;
  if (cluster === undefined) return files;
  // Taken again, so that all speak of the same accounts.
  const accounts = { earlierAccounts: files.get(ACCOUNTS_CONF) as string };
  for (const [i, pod] of podNames(config.release, config.nats.replicas).entries()) {
    const own = { ...cluster, ownRoute: cluster.routes[i] as string };
    const ofPod = await serverConfigFiles(keys, { ...options, ...accounts, cluster: own });
    files.set(`${pod}.conf`, ofPod.get(SERVER_CONF) as string);
  }
  return files;
}
