// Which revision of the policy each router says it has in force.
import { issueCredentials, type Keys } from "@malla/broker-config";
import { connectNats } from "@malla/sdk/broker";
import { decodeRouterState, parseRouterSubject, subscriptions } from "@malla/sdk/contract";

export interface RouterRevisions {
  /** By router, as it was announced last. */
  readonly revisions: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

/** Listens as an observer to what routers announce, on one of these servers. */
export async function listenToRouters(servers: readonly string[], keys: Keys): Promise<RouterRevisions> {
  const broker = await connectNats({
    servers,
    credentials: await issueCredentials(keys, { name: "observer", role: "observer" }),
    name: "observer",
    inboxPrefix: "_INBOX.observer",
  });
  const revisions = new Map<string, number>();
  broker.subscribe(subscriptions.routers, ({ subject, payload }) => {
    const [router, state] = [parseRouterSubject(subject), decodeRouterState(payload)];
    if (router !== undefined && state !== undefined) revisions.set(router, state.policyRevision);
  });
  return { revisions, close: async () => await broker.close() };
}
