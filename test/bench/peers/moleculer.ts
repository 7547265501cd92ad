// Moleculer with what it does by itself: registry, balancing, heartbeats; without its log.
import { hostname } from "node:os";
import { ServiceBroker } from "moleculer";
import { type Client, type Connection, type Handler, textBody } from "../src/transport.ts";

interface Message {
  readonly text: string;
}

let broker: ServiceBroker | undefined;

/** One node a process, for what it serves and what it calls. */
function openBroker({ servers, tls }: Connection): ServiceBroker {
  broker ??= new ServiceBroker({
    nodeID: `${hostname()}-${process.pid}`,
    logger: false,
    transporter: { type: "NATS", options: { url: servers as string, ...(tls === "yes" ? { tls: {} } : {}) } },
  });
  return broker;
}

export async function connect(connection: Connection): Promise<Client<string>> {
  const node = openBroker(connection);
  await node.start();
  const service = nameOf(connection.subject);
  await node.waitForServices(service, 10_000);
  return {
    body: textBody,
    call: (body, done) => {
      node.call<Message, Message>(`${service}.echo`, { text: body }).then(({ text }) => done(undefined, text), done);
    },
  };
}

export async function serve(connection: Connection, handler: Handler<string>): Promise<Connection> {
  const node = openBroker(connection);
  node.createService({
    name: nameOf(connection.serves),
    actions: {
      echo: (context: { params: Message }) => {
        const reply = handler(context.params.text);
        return reply instanceof Promise ? reply.then((text) => ({ text })) : { text: reply };
      },
    },
  });
  await node.start();
  return {};
}

/** Its names have no dots. */
function nameOf(subject = ""): string {
  return subject.replaceAll(".", "-");
}
