// The three connections of a router, one an account: calls, policy, idempotency records. All are there, or none.
import type { RouterCredentials } from "@malla/broker-config";
import { type Broker, connectNats, type KeyValue, type NatsBroker, openKeyValue } from "@malla/sdk/broker";
import { IDEMPOTENCY_BUCKET, POLICY_BUCKET } from "@malla/sdk/discovery";
import type { Logger } from "@malla/sdk/telemetry";
import type { RouterConfig } from "./config.ts";

export interface Connections {
  readonly mesh: Broker;
  readonly policyBucket: KeyValue;
  readonly claimBucket: KeyValue;
  readonly close: () => Promise<void>;
}

/** Rejects with an Error that says what to do; what was open by then is closed. */
export async function openConnections(
  { servers, tls }: Pick<RouterConfig, "servers" | "tls">,
  router: string,
  credentials: RouterCredentials,
  log: Logger,
): Promise<Connections> {
  const opened: NatsBroker[] = [];
  const close = async (): Promise<void> => void (await Promise.all(opened.map(async (broker) => broker.close())));
  const open = async (what: keyof RouterCredentials): Promise<NatsBroker> => {
    const broker = await connectNats({
      servers,
      ...(tls === undefined ? {} : { tls }),
      credentials: credentials[what],
      name: `${router}/${what}`,
      inboxPrefix: `_INBOX.${router}`,
      onCallbackError: (error, subject) => log.error({ err: error, subject }, "a message could not be handled"),
    });
    opened.push(broker);
    tellStatus(broker, what, log);
    return broker;
  };
  try {
    const mesh = await open("mesh");
    const policyBucket = await openKeyValue(await open("control"), POLICY_BUCKET);
    const claimBucket = await openKeyValue(await open("durable"), IDEMPOTENCY_BUCKET);
    return { mesh, policyBucket, claimBucket, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Writes down what becomes of a connection; what the broker refuses a router is a fault of its grants, and told as an error. */
export function tellStatus(broker: Pick<NatsBroker, "onStatus" | "server">, connection: string, log: Logger): void {
  broker.onStatus((status) => {
    if (status.type === "denied")
      log.error(
        { connection, operation: status.operation, subject: status.subject },
        "the broker refused what a router needs",
      );
    if (status.type === "disconnected") log.warn({ connection }, "the connection to the broker is down");
    if (status.type === "connected")
      log.info({ connection, server: broker.server }, "the connection to the broker is up again");
    if (status.type === "lame-duck") log.info({ connection }, "the server will go; another one is looked for");
    if (status.type === "moved") log.info({ connection, server: broker.server }, "moved to another server");
  });
}
