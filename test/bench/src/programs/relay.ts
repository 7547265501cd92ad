// A relay in the middle without anything of a mesh: no headers read, no policy, no choice, no deadline, no metrics. What is left
// is what two more passes through the broker and one through a Node process cost.
import { type Connection, errorText } from "../transport.ts";
import { openNats } from "../transports/open-nats.ts";
import { answerOrders, readSettings } from "./answer-orders.ts";

await answerOrders(async () => {
  const nats = await openNats(readSettings<Connection>());
  const waiting = new Map<string, string>();
  let count = 0;
  nats.subscribe("relay.reply.*", {
    callback: (error, message) => {
      if (error !== null) return void process.stderr.write(`${errorText(error)}\n`);
      const id = message.subject.slice("relay.reply.".length);
      const reply = waiting.get(id);
      waiting.delete(id);
      if (reply !== undefined) nats.publish(reply, message.data);
    },
  });
  nats.subscribe("relay.call.*.*", {
    queue: "relay",
    callback: (error, message) => {
      if (error !== null) return void process.stderr.write(`${errorText(error)}\n`);
      const id = (count++).toString(36);
      waiting.set(id, message.reply as string);
      nats.publish(`relay.run.${message.subject.slice("relay.call.".length)}`, message.data, {
        reply: `relay.reply.${id}`,
      });
    },
  });
  await nats.flush();
});
