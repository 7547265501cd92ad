// The called process: echoes, or in a chain calls the next one and passes its reply on.
import type { CalleeSettings } from "../orders.ts";
import type { Body, Handler, Transport } from "../transport.ts";
import { answerOrders, readSettings } from "./answer-orders.ts";

const { transport, connection, next } = readSettings<CalleeSettings>();

await answerOrders(async () => {
  const { connect, serve } = (await import(transport)) as Transport;
  if (next === undefined) return await serve(connection, (body) => body);
  const client = await connect(next);
  const pass: Handler<Body> = async (body) =>
    await new Promise((resolve, reject) => {
      client.call(body, (error, reply) => (reply === undefined ? reject(error) : resolve(reply)));
    });
  return await serve(connection, pass);
});
