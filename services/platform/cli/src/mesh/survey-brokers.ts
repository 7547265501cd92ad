// Looks at each server of the broker by itself: does it answer, which version is it, and does it know the others.
import type { NatsBroker } from "@malla/sdk/broker";
import type { RunFile } from "../run-file.ts";

/** How long a server's monitoring may take to answer, in ms. */
const MONITORING_MS = 2_000;

export interface FoundBroker {
  /** Where it was looked for. */
  readonly server: string;
  /** As `malla up` of this home calls it; undefined elsewhere. */
  readonly name: string | undefined;
  /** Undefined: it does not answer. */
  readonly version: string | undefined;
  /** Why it does not answer. */
  readonly problem: string | undefined;
  /** Names of the servers it has routes to; undefined: it was not asked, or did not say. */
  readonly routes: readonly string[] | undefined;
}

export interface BrokerSurveyOptions {
  /** All servers, with commas between. */
  readonly natsUrl: string;
  /** What runs in this home, if anything does. */
  readonly run: RunFile | undefined;
  /** Opens a connection to one server as operator. */
  readonly open: (server: string) => Promise<NatsBroker>;
}

export async function surveyBrokers({ natsUrl, run, open }: BrokerSurveyOptions): Promise<readonly FoundBroker[]> {
  const servers = natsUrl.split(",").map((server) => server.trim());
  return await Promise.all(
    servers.map(async (server): Promise<FoundBroker> => {
      const local = run?.brokers.find(({ url }) => url === server);
      const found = { server: server.replace(/^\w+:\/\/(?:[^@/]*@)?/, ""), name: local?.name };
      try {
        const broker = await open(server);
        const { serverVersion: version } = broker;
        await broker.close();
        return { ...found, version, problem: undefined, routes: await routesOf(local?.httpUrl) };
      } catch (error) {
        return { ...found, version: undefined, problem: (error as Error).message, routes: undefined };
      }
    }),
  );
}

/** By its monitoring. Several connections go to each other server; a name counts once. */
async function routesOf(httpUrl: string | undefined): Promise<readonly string[] | undefined> {
  if (httpUrl === undefined) return undefined;
  try {
    const answer = await fetch(`${httpUrl}/routez`, { signal: AbortSignal.timeout(MONITORING_MS) });
    const { routes = [] } = (await answer.json()) as { routes?: readonly { readonly remote_name?: string }[] };
    return [...new Set(routes.flatMap(({ remote_name: name }) => name ?? []))].sort();
  } catch {
    // That it takes connections is what counts; the next look may find more.
    return undefined;
  }
}
