// The NATS client's own `request`, with its traces off.
import { bytesBody, type Client, type Connection } from "../transport.ts";
import { openNats } from "./open-nats.ts";

export { serve } from "./nats-limit.ts";

export async function connect(connection: Connection): Promise<Client<Uint8Array>> {
  const nats = await openNats(connection);
  const subject = connection.subject as string;
  const options = { timeout: 10_000 };
  return {
    body: bytesBody,
    call: (body, done) => {
      nats.request(subject, body, options).then(({ data }) => done(undefined, data), done);
    },
  };
}
