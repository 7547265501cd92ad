import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../testing/fake-clock.ts";
import { MemoryServer } from "../testing/memory-broker.ts";
import { SERVICE_INBOX_IDLE_MS, ServiceInboxes } from "./service-inboxes.ts";

async function world() {
  const server = new MemoryServer();
  const broker = server.connect();
  const peer = server.connect();
  const clock = new FakeClock();
  const heard: string[] = [];
  const inboxes = new ServiceInboxes(broker, clock, "cart", "conn", (service, id) => heard.push(`${service} ${id}`));
  const say = async (service: string, id: string): Promise<string[]> => {
    peer.publish(`_INBOX.cart.${service}.conn.${id}`, new Uint8Array(0));
    await peer.flush();
    await broker.flush();
    return heard.splice(0);
  };
  return { inboxes, clock, say };
}

test("only a service that a call needs is listened to, for as long as one does and a minute longer", async () => {
  const { inboxes, clock, say } = await world();
  assert.deepEqual(await say("orders", "a"), []);
  inboxes.enter("orders");
  inboxes.enter("orders");
  assert.deepEqual(await say("orders", "b"), ["orders b"]);
  assert.deepEqual(await say("payments", "b"), []);
  inboxes.leave("orders");
  clock.advance(SERVICE_INBOX_IDLE_MS * 2);
  inboxes.sweep();
  assert.deepEqual(await say("orders", "c"), ["orders c"]);
  inboxes.leave("orders");
  clock.advance(SERVICE_INBOX_IDLE_MS - 1);
  inboxes.sweep();
  assert.deepEqual(await say("orders", "d"), ["orders d"]);
  clock.advance(1);
  inboxes.sweep();
  assert.deepEqual(await say("orders", "e"), []);
});

test("its subject is the one it listens on, and nothing is heard after it is closed", async () => {
  const { inboxes, say } = await world();
  inboxes.enter("orders");
  assert.equal(inboxes.subject("orders", "x"), "_INBOX.cart.orders.conn.x");
  inboxes.close();
  assert.deepEqual(await say("orders", "x"), []);
});
