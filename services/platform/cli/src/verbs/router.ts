// `malla router`: one router in the foreground, on a broker that runs already.
import { existsSync } from "node:fs";
import { routerSignerFile } from "@malla/broker-config";
import type { Command } from "commander";
import { Failure } from "../failure.ts";
import { findHome } from "../home.ts";
import { checkNamespace, type MeshFlags, natsUrl } from "../mesh/session.ts";
import { untilSignal, wholeNumber } from "./up.ts";
import { example, meshFlags } from "./verb.ts";

interface RouterFlags extends MeshFlags {
  readonly signer?: string;
  readonly metricsPort?: string;
  readonly metricsHost?: string;
  readonly workers?: string;
}

export function addRouter(program: Command): void {
  const command = program
    .command("router")
    .description("run one more router in the foreground; it drains on Ctrl-C")
    .option(
      "--workers <count>",
      "processes that each carry calls, with one port for the metrics and health of all; auto: one a core (default: MALLA_ROUTER_WORKERS, else 1)",
    )
    .option("--signer <file>", "router.signer.json (default: MALLA_ROUTER_SIGNER, else .malla/credentials)")
    .option("--metrics-port <port>", "port of metrics and health; 0: any (default: MALLA_METRICS_PORT, else 9464)")
    .option("--metrics-host <host>", "address of metrics and health (default: MALLA_METRICS_HOST, else 127.0.0.1)");
  example(meshFlags(command), "malla router --workers auto");
  command.action(async (flags: RouterFlags) => {
    checkNamespace(flags);
    const home = findHome(process.cwd(), process.env);
    const signer = flags.signer ?? process.env["MALLA_ROUTER_SIGNER"] ?? routerSignerFile(home);
    if (!existsSync(signer))
      throw new Failure(`there is no signer ${signer}; \`malla up\` writes it, --signer names another`);
    // Everything a router needs takes a while to load, and no other verb needs it.
    const { autoWorkerCount, loadRouterConfig, startRouter, superviseWorkers } = await import("@malla/router");
    const { workers } = flags;
    const options = {
      servers: natsUrl(flags, home).split(","),
      signer,
      ...(flags.metricsPort === undefined
        ? {}
        : { metricsPort: wholeNumber("--metrics-port", flags.metricsPort, 65_535, 0) }),
      ...(flags.metricsHost === undefined ? {} : { metricsHost: flags.metricsHost }),
      ...(workers === undefined
        ? {}
        : { workers: workers === "auto" ? autoWorkerCount() : wholeNumber("--workers", workers, 64, 1) }),
    };
    const config = loadRouterConfig(options, process.env);
    const router = config.workers === 1 ? await startRouter(config) : await superviseWorkers(config);
    const who = "id" in router ? `${router.id} carries` : `${router.routers().join(" and ")} carry`;
    process.stdout.write(`${who} calls; metrics on port ${router.metricsPort}. Ctrl-C drains.\n`);
    await untilSignal();
    await router.drain();
  });
}
