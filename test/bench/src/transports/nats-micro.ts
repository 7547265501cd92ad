// A service of the NATS micro framework, called with the client's own `request`.
import { Svcm } from "@nats-io/services";
import type { NatsConnection } from "nats";
import type { Connection, Handler } from "../transport.ts";
import { openNats } from "./open-nats.ts";

export { connect } from "./nats-request.ts";

/** The framework brings a copy of the client's types of its own; the connection is the same. */
function asTheirs(nats: NatsConnection): ConstructorParameters<typeof Svcm>[0] {
  return nats as unknown as ConstructorParameters<typeof Svcm>[0];
}

export async function serve(connection: Connection, handler: Handler<Uint8Array>): Promise<Connection> {
  const nats = await openNats(connection);
  const service = await new Svcm(asTheirs(nats)).add({ name: "bench", version: "1.0.0" });
  service.addEndpoint("echo", {
    subject: connection.serves as string,
    handler: (error, message) => {
      if (error !== null) return;
      const reply = handler(message.data);
      if (reply instanceof Promise) void reply.then((bytes) => message.respond(bytes));
      else message.respond(reply);
    },
  });
  await nats.flush();
  return {};
}
