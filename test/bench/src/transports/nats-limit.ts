// What NATS can give a Node process: one wildcard inbox, a callback and a Map by hand; no timeout, no header, no choice.
import { bytesBody, type Client, type Connection, type Done, type Handler } from "../transport.ts";
import { openNats } from "./open-nats.ts";

const INBOX = "_INBOX.bench.";

export async function connect(connection: Connection): Promise<Client<Uint8Array>> {
  const nats = await openNats(connection);
  const waiting = new Map<string, Done<Uint8Array>>();
  const inbox = `${INBOX}${process.pid.toString(36)}.`;
  let count = 0;
  nats.subscribe(`${inbox}*`, {
    callback: (error, message) => {
      const id = message.subject.slice(inbox.length);
      const done = waiting.get(id);
      waiting.delete(id);
      if (error === null) done?.(undefined, message.data);
      else done?.(error);
    },
  });
  await nats.flush();
  const subject = connection.subject as string;
  return {
    body: bytesBody,
    call: (body, done) => {
      const id = (count++).toString(36);
      waiting.set(id, done);
      nats.publish(subject, body, { reply: inbox + id });
    },
  };
}

export async function serve(connection: Connection, handler: Handler<Uint8Array>): Promise<Connection> {
  const nats = await openNats(connection);
  nats.subscribe(connection.serves as string, {
    callback: (error, message) => {
      if (error !== null) return;
      const reply = handler(message.data);
      if (reply instanceof Promise) void reply.then((bytes) => message.respond(bytes));
      else message.respond(reply);
    },
  });
  await nats.flush();
  return {};
}
